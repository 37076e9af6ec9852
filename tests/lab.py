"""A real JupyterLab and a real browser for tests: started as `make lab` does, on a copy of the lessons."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

SECONDS_TO_START = 60
BROWSER_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


def find_chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def need_chromium() -> None:
    """Skip a test where there is no browser; where TRM_EDU_BROWSER is 1, as in CI, that is a failure."""
    if find_chromium() is None:
        if os.environ.get("TRM_EDU_BROWSER") == "1":
            pytest.fail("no Chromium here, though TRM_EDU_BROWSER promises one; on Debian: apt install chromium")
        pytest.skip("no Chromium here; on Debian: apt install chromium")


@dataclass
class Lab:
    """A running server. `root` is the folder that it serves, `address` what it hands to the browser."""

    root: Path
    address: str
    log: Path
    settings: Path
    server: subprocess.Popen[bytes]

    def write(self, name: str, *cells: str) -> str:
        """Make a notebook of these code cells (a text that begins with # is Markdown) in the served folder."""
        made = [new_markdown_cell(cell) if cell.startswith("# ") else new_code_cell(cell) for cell in cells]
        return self.save(name, new_notebook(cells=made))

    def save(self, name: str, notebook: nbformat.NotebookNode) -> str:
        """Put a notebook into the served folder, for the kernel that is there."""
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.root / name)
        return name

    def set(self, plugin: str, **values: Any) -> None:
        """Change a setting of JupyterLab, as its user could. It holds from the next page on."""
        file = self.settings / f"{plugin.replace(':', '/')}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))

    def theme(self, name: str) -> None:
        self.set("@jupyterlab/apputils-extension:themes", theme=THEMES[name])

    def open(self, page: Any, notebook: str) -> None:
        """Show a notebook in a fresh workspace, all of its cells at once (else those out of sight do not exist)."""
        self.set("@jupyterlab/notebook-extension:tracker", windowingMode="none")
        base, _, token = self.address.partition("?")
        base = base.split("/lab")[0].split("/tree")[0]
        page.goto(f"{base}/lab/tree/{notebook}?reset&{token}", timeout=60_000)
        page.locator(".jp-Notebook .jp-Cell").first.wait_for(state="visible", timeout=60_000)
        page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=60_000)

    def stop_kernels(self) -> None:
        """Shut every kernel down. A process that is only killed would be started again."""
        base, token = self.address.split("/lab")[0], self.address.partition("token=")[2]
        headers = {"Authorization": f"token {token}"}
        with urlopen(Request(f"{base}/api/kernels", headers=headers)) as answer:
            running = json.load(answer)
        for kernel in running:
            urlopen(Request(f"{base}/api/kernels/{kernel['id']}", headers=headers, method="DELETE")).close()

    def kernels(self) -> list[psutil.Process]:
        """The kernel processes, the youngest last."""
        children = psutil.Process(self.server.pid).children(recursive=True)
        found = [child for child in children if "ipykernel_launcher" in " ".join(child.cmdline())]
        return sorted(found, key=lambda child: child.create_time())


@contextmanager
def serve(repository: Path, folder: Path) -> Iterator[Lab]:
    """Start JupyterLab as `make lab` does, on a copy of the lessons in `folder`."""
    course = folder / "course"
    for part in ("notebooks", "exercises", "solutions", "pictures", "examples", ".jupyterlab"):
        shutil.copytree(repository / part, course / part)
    shutil.copy(repository / "pyproject.toml", course)  # jupytext reads its pairs from here
    for notebook in (course / "notebooks").glob("*.ipynb"):
        os.utime(notebook)  # newer than its twin, as after a clone
    flags = subprocess.run(
        ["make", "--silent", "show-lab-flags"], cwd=repository, capture_output=True, text=True, check=True
    ).stdout
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # The user's own settings and kernels must not decide what this test sees.
    own = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    own |= {"IPYTHONDIR": str(folder / "ipython"), "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")}
    own |= {"JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces")}
    command = [sys.executable, "-m", "jupyterlab", *shlex.split(flags), "--no-browser"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "notebooks/00_start_here.ipynb"]
    log = folder / "lab.log"
    with log.open("w") as stream:
        server = subprocess.Popen(command, cwd=course, env=os.environ | own, stdout=stream, stderr=stream)
    try:
        yield Lab(course, opened_address(server, folder / "runtime", log), log, folder / "settings", server)
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
    raise AssertionError(f"JupyterLab did not start within {SECONDS_TO_START} s:\n{log.read_text()[-3000:]}")


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=BROWSER_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def browser_page(width: int = 1280, height: int = 900) -> Iterator[Any]:
    """A page of a headless Chromium."""
    with chromium() as browser:
        yield browser.new_page(viewport={"width": width, "height": height})


def choose(page: Any, menu: str, entry: str) -> None:
    """An entry of a menu of JupyterLab's menu bar."""
    page.get_by_role("menuitem", name=menu, exact=True).first.click()
    page.locator(".lm-Menu-itemLabel").get_by_text(entry, exact=True).click()


PROMPTS = (
    "[...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputArea-prompt')].map(p => p.innerText.trim())"
)


def run_all(page: Any, seconds: float = 240, *, wait: bool = True) -> None:
    """Run every cell; wait until the last one is done."""
    choose(page, "Run", "Run All Cells")
    page.wait_for_function(f"() => {PROMPTS}.some(prompt => prompt !== '[ ]:')", timeout=20_000)
    if wait:
        wait_until_idle(page, seconds)


def wait_until_idle(page: Any, seconds: float = 240) -> None:
    """Wait until no cell runs or waits for its turn, and the kernel says so too."""
    page.wait_for_timeout(300)
    page.wait_for_function(
        f"""() => {PROMPTS}.every(prompt => prompt !== '[*]:')
            && document.querySelector('#jp-main-statusbar').innerText.includes('| Idle')""",
        timeout=seconds * 1000,
    )


def errors(page: Any) -> list[str]:
    """What cells wrote to stderr, tracebacks among it."""
    return page.locator('.jp-Notebook [data-mime-type="application/vnd.jupyter.stderr"]').all_inner_texts()


def choose_theme(page: Any, name: str) -> None:
    """As a user does: Settings, Theme. What is shown stays as it is."""
    page.get_by_role("menuitem", name="Settings", exact=True).first.click()
    page.locator(".lm-Menu-itemLabel").get_by_text("Theme", exact=True).hover()
    page.locator(".lm-Menu-itemLabel").get_by_text(THEMES[name], exact=True).click()
    page.locator(f'body[data-jp-theme-name="{THEMES[name]}"]').wait_for(state="attached", timeout=20_000)
    page.wait_for_timeout(500)


def button(page: Any, name: str, nth: int = 0) -> Any:
    """The nth button of the notebook with this text. Its name for a screen reader holds its icon as well."""
    return page.locator(".jp-Notebook button").filter(has_text=re.compile(rf"^\s*{name}\s*$")).nth(nth)
