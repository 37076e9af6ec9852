"""`make lab` shows lesson 00: a real JupyterLab, a real browser, and a screenshot to look at."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest

LESSON = "notebooks/00_start_here.ipynb"
SECONDS_TO_START = 60


def find_chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def lab(repository: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Start JupyterLab as `make lab` does, on a copy of the lessons; give the address it opens, and its log."""
    if find_chromium() is None:
        pytest.skip("no Chromium here; on Debian: apt install chromium")
    course = tmp_path / "course"
    shutil.copytree(repository / "notebooks", course / "notebooks")
    shutil.copytree(repository / ".jupyterlab", course / ".jupyterlab")
    shutil.copy(repository / "pyproject.toml", course)  # jupytext reads its pairs from here
    os.utime(course / LESSON)  # newer than its twin, as after a clone

    flags = subprocess.run(
        ["make", "--silent", "show-lab-flags"], cwd=repository, capture_output=True, text=True, check=True
    ).stdout
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # The user's own settings and kernels must not decide what this test sees.
    own = {f"JUPYTER_{name}_DIR": str(tmp_path / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    own |= {"IPYTHONDIR": str(tmp_path / "ipython"), "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings")}
    own |= {"JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces")}
    command = [sys.executable, "-m", "jupyterlab", *shlex.split(flags)]
    command += ["--no-browser", f"--ServerApp.port={port}", "--ServerApp.port_retries=0", LESSON]
    log = tmp_path / "lab.log"
    with log.open("w") as stream:
        server = subprocess.Popen(command, cwd=course, env=os.environ | own, stdout=stream, stderr=stream)
    try:
        yield opened_address(server, tmp_path / "runtime", log), log
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def opened_address(server: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    """The address that JupyterLab hands to the browser: it writes it into a small redirecting page."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and server.poll() is None:
        for page in runtime.glob("jpserver-file-to-run-*-open.html"):
            if match := re.search(r'href="(http[^"]+)"', page.read_text(encoding="utf-8")):
                return match[1]
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start within {SECONDS_TO_START} s:\n{log.read_text()[-3000:]}")


def first_heading(notebook: Path) -> str:
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "markdown" and (match := re.search(r"^# +(.+)$", cell.source, flags=re.MULTILINE)):
            return re.sub(r"[*_`]", "", match[1]).strip()
    pytest.fail(f"{notebook.name} has no heading of the first level")


@pytest.mark.browser
def test_make_lab_shows_lesson_00_and_calls_nobody(lab: tuple[str, Path], repository: Path) -> None:
    from playwright.sync_api import sync_playwright

    address, log = lab
    title = first_heading(repository / LESSON)
    hosts: set[str | None] = set()
    artifacts = repository / "test-artifacts"
    artifacts.mkdir(exist_ok=True)
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
            page.goto(address, timeout=60_000)
            heading = page.locator(".jp-Notebook h1").first
            try:
                heading.wait_for(state="visible", timeout=60_000)
                page.wait_for_timeout(2_000)  # an offer of news or updates would come now
            finally:
                page.screenshot(path=artifacts / "lab_00_start_here.png")
            shown = heading.inner_text()
            notices = page.locator(".Toastify__toast, .jp-Dialog").all_inner_texts()
        finally:
            browser.close()
    assert title in shown
    assert notices == []
    assert "SOURCE from" not in log.read_text(), "the student's server should know of no text twins"
    # None: addresses such as data: and blob: that stay inside the page
    assert hosts - {"localhost", "127.0.0.1", None, ""} == set()
