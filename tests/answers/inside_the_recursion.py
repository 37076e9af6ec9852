"""Lesson 14: what people hand in."""

from __future__ import annotations

from collections import Counter

import torch

from answers import Answers

# --- decode_steps -----------------------------------------------------------------------------------------------------


def decode_with_max(step, head, y, z, n_supervision, prefix):
    result = []
    state = (y, z)
    while len(result) < n_supervision:
        state = step(*state)
        best = head(state[0]).max(dim=2).indices
        result.append(best[:, prefix:].tolist())
    return torch.tensor(result)


def decode_with_narrow(step, head, y, z, n_supervision, prefix):
    rows = torch.empty(n_supervision, len(y), y.shape[1] - prefix, dtype=torch.int32)
    for k in range(n_supervision):
        (y, z) = step(y, z)
        rows[k] = head(y.narrow(1, prefix, y.shape[1] - prefix)).softmax(-1).argmax(-1)
    return rows


def decode_z(step, head, y, z, n_supervision, prefix):
    tokens = []
    for _ in range(n_supervision):
        y, z = step(y, z)
        tokens.append(head(z)[:, prefix:].argmax(-1))
    return torch.stack(tokens)


def decode_with_prefix(step, head, y, z, n_supervision, prefix):
    tokens = []
    for _ in range(n_supervision):
        y, z = step(y, z)
        tokens.append(head(y).argmax(-1))
    return torch.stack(tokens)


def decode_wrong_end(step, head, y, z, n_supervision, prefix):
    tokens = []
    for _ in range(n_supervision):
        y, z = step(y, z)
        tokens.append(head(y)[:, : y.shape[1] - prefix].argmax(-1))
    return torch.stack(tokens)


def decode_not_carried(step, head, y, z, n_supervision, prefix):
    tokens = []
    for _ in range(n_supervision):
        new_y, new_z = step(y, z)
        tokens.append(head(new_y)[:, prefix:].argmax(-1))
    return torch.stack(tokens)


def decode_z_not_carried(step, head, y, z, n_supervision, prefix):
    tokens = []
    for _ in range(n_supervision):
        y, _ = step(y, z)
        tokens.append(head(y)[:, prefix:].argmax(-1))
    return torch.stack(tokens)


def decode_y_not_carried(step, head, y, z, n_supervision, prefix):
    tokens = []
    for _ in range(n_supervision):
        answer, z = step(y, z)
        tokens.append(head(answer)[:, prefix:].argmax(-1))
    return torch.stack(tokens)


def decode_before(step, head, y, z, n_supervision, prefix):
    tokens = []
    for _ in range(n_supervision):
        tokens.append(head(y)[:, prefix:].argmax(-1))
        y, z = step(y, z)
    return torch.stack(tokens)


def decode_start_too(step, head, y, z, n_supervision, prefix):
    tokens = [head(y)[:, prefix:].argmax(-1)]
    for _ in range(n_supervision):
        y, z = step(y, z)
        tokens.append(head(y)[:, prefix:].argmax(-1))
    return torch.stack(tokens)


def decode_last(step, head, y, z, n_supervision, prefix):
    for _ in range(n_supervision):
        y, z = step(y, z)
    return head(y)[:, prefix:].argmax(-1)


def decode_over_cells(step, head, y, z, n_supervision, prefix):
    tokens = []
    for _ in range(n_supervision):
        y, z = step(y, z)
        tokens.append(head(y)[:, prefix:].argmax(1))
    return torch.stack(tokens)


def decode_scores(step, head, y, z, n_supervision, prefix):
    scores = []
    for _ in range(n_supervision):
        y, z = step(y, z)
        scores.append(head(y)[:, prefix:])
    return torch.stack(scores)


# --- step_sizes -------------------------------------------------------------------------------------------------------


def sizes_in_loops(path):
    rows = []
    for before, after in zip(path[:-1], path[1:], strict=True):
        row = []
        for a, b in zip(before, after, strict=True):
            row.append(float(((b - a) ** 2).sum() ** 0.5 / (b**2).sum() ** 0.5))
        rows.append(row)
    return torch.tensor(rows)


def sizes_with_diff(path):
    moved = torch.linalg.vector_norm(path.double().diff(dim=0), dim=(2, 3))
    return moved / torch.linalg.vector_norm(path[1:].double(), dim=(2, 3))


def sizes_absolute(path):
    return (path[1:] - path[:-1]).flatten(2).norm(dim=-1)


def sizes_before(path):
    flat = path.flatten(2)
    return (flat[1:] - flat[:-1]).norm(dim=-1) / flat[:-1].norm(dim=-1)


def sizes_start(path):
    flat = path.flatten(2)
    return (flat[1:] - flat[:-1]).norm(dim=-1) / flat[0].norm(dim=-1)


def sizes_of_batch(path):
    return torch.stack([(b - a).norm() / b.norm() for a, b in zip(path, path[1:], strict=False)])


def sizes_mean_of_positions(path):
    return ((path[1:] - path[:-1]).norm(dim=-1) / path[1:].norm(dim=-1)).mean(-1)


def sizes_of_positions(path):
    return (path[1:] - path[:-1]).norm(dim=-1) / path[1:].norm(dim=-1)


def sizes_from_start(path):
    flat = path.flatten(2)
    return (flat[1:] - flat[:1]).norm(dim=-1) / flat[1:].norm(dim=-1)


def sizes_squared(path):
    flat = path.flatten(2)
    return (flat[1:] - flat[:-1]).pow(2).sum(-1) / flat[1:].pow(2).sum(-1)


def sizes_absolutes(path):
    flat = path.flatten(2)
    return (flat[1:] - flat[:-1]).abs().sum(-1) / flat[1:].abs().sum(-1)


def sizes_of_lengths(path):
    length = path.flatten(2).norm(dim=-1)
    return (length[1:] - length[:-1]).abs() / length[1:]


def sizes_transposed(path):
    flat = path.flatten(2).transpose(0, 1)
    return (flat[:, 1:] - flat[:, :-1]).norm(dim=-1) / flat[:, 1:].norm(dim=-1)


# --- best_of_k --------------------------------------------------------------------------------------------------------


def keeps(question, grid):
    return all(q == 1 or q == g for q, g in zip(question.tolist(), grid.tolist(), strict=True))


def best_in_a_loop(question, tokens, halt_logit, rules=None):
    last = halt_logit[-1].tolist()
    allowed = list(range(len(tokens)))
    if rules is not None:
        allowed = [k for k in allowed if keeps(question, tokens[k]) and rules(tokens[k])] or allowed
    return max(allowed, key=lambda k: last[k])


def best_by_sorting(question, tokens, halt_logit, rules=None):
    order = halt_logit[-1].argsort(descending=True)
    for k in order:
        if rules is not None and rules(tokens[k]) and torch.where(question == 1, tokens[k], question).equal(tokens[k]):
            return k
    return order[0]


def best_first_step(question, tokens, halt_logit, rules=None):
    return int(halt_logit[0].argmax())


def best_mean(question, tokens, halt_logit, rules=None):
    return best_in_a_loop(question, tokens, halt_logit.mean(0, keepdim=True), rules)


def best_ever(question, tokens, halt_logit, rules=None):
    return best_in_a_loop(question, tokens, halt_logit.max(0).values[None], rules)


def best_flat(question, tokens, halt_logit, rules=None):
    return int(halt_logit.argmax())


def best_doubtful(question, tokens, halt_logit, rules=None):
    return int(halt_logit[-1].argmin())


def best_last_start(question, tokens, halt_logit, rules=None):
    return len(tokens) - 1


def best_first_start(question, tokens, halt_logit, rules=None):
    return 0


def best_gives_up(question, tokens, halt_logit, rules=None):
    if rules is None:
        return int(halt_logit[-1].argmax())
    fine = [k for k in range(len(tokens)) if rules(tokens[k]) and keeps(question, tokens[k])]
    return max(fine, key=lambda k: float(halt_logit[-1, k])) if fine else None


def best_or_first(question, tokens, halt_logit, rules=None):
    found = best_gives_up(question, tokens, halt_logit, rules)
    return 0 if found is None else found


def best_or_last(question, tokens, halt_logit, rules=None):
    found = best_gives_up(question, tokens, halt_logit, rules)
    return len(tokens) - 1 if found is None else found


def best_without_rules(question, tokens, halt_logit, rules=None):
    return int(halt_logit[-1].argmax())


def best_clues_unchecked(question, tokens, halt_logit, rules=None):
    sure = halt_logit[-1].clone()
    fine = torch.tensor([rules is None or rules(grid) for grid in tokens])
    if fine.any():
        sure[~fine] = -torch.inf
    return int(sure.argmax())


def best_clues_only(question, tokens, halt_logit, rules=None):
    sure = halt_logit[-1].clone()
    if rules is not None:
        sure[~torch.tensor([keeps(question, grid) for grid in tokens])] = -torch.inf
    return int(sure.argmax())


def best_first_legal(question, tokens, halt_logit, rules=None):
    if rules is not None:
        for k, grid in enumerate(tokens):
            if rules(grid) and keeps(question, grid):
                return k
    return int(halt_logit[-1].argmax())


# --- period -----------------------------------------------------------------------------------------------------------


def period_with_texts(answers, most):
    texts = [tuple(answer) for answer in answers.tolist()][-2 * most :]
    for p in range(1, most + 1):
        if all(texts[i] == texts[i - p] for i in range(p, len(texts))):
            return p
    return 0


def period_backwards(answers, most):
    end = answers[len(answers) - 2 * most :].numpy()
    found = 0
    for p in range(most, 0, -1):
        if (end[p:] != end[: 2 * most - p]).sum() == 0:
            found = p
    return torch.tensor(found)


def period_from_two(answers, most):
    last = answers[-2 * most :]
    for p in range(2, most + 1):
        if (last[p:] == last[:-p]).all():
            return p
    return 0


def period_neighbours(answers, most):
    last = answers[-2 * most :]
    return 1 if (last[1:] == last[:-1]).all() else 0


def period_whole_run(answers, most):
    for p in range(1, most + 1):
        if (answers[p:] == answers[:-p]).all():
            return p
    return 0


def period_last_alone(answers, most):
    for p in range(1, most + 1):
        if (answers[-1] == answers[-1 - p]).all():
            return p
    return 0


def period_short_window(answers, most):
    last = answers[-(most + 1) :]
    for p in range(1, most + 1):
        if (last[p:] == last[:-p]).all():
            return p
    return 0


def period_largest(answers, most):
    last, found = answers[-2 * most :], 0
    for p in range(1, most + 1):
        if (last[p:] == last[:-p]).all():
            found = p
    return found


def period_below_most(answers, most):
    last = answers[-2 * most :]
    for p in range(1, most):
        if (last[p:] == last[:-p]).all():
            return p
    return 0


def period_distinct(answers, most):
    return len({tuple(answer) for answer in answers[-2 * most :].tolist()})


def period_any_cell(answers, most):
    last = answers[-2 * most :]
    for p in range(1, most + 1):
        if (last[p:] == last[:-p]).any():
            return p
    return 0


def period_none(answers, most):
    last = answers[-2 * most :]
    for p in range(1, most + 1):
        if (last[p:] == last[:-p]).all():
            return p
    return None


# --- vote -------------------------------------------------------------------------------------------------------------


def vote_with_a_dictionary(tokens):
    (grid, _), *_ = Counter(map(tuple, tokens.tolist())).most_common()
    return torch.tensor(grid)


def vote_in_loops(tokens):
    best, most = None, 0
    for grid in tokens:
        votes = sum(bool((grid == other).all()) for other in tokens)
        if votes > most:
            best, most = grid, votes
    return best


def vote_of_cells(tokens):
    return torch.stack([commonest(column) for column in tokens.T])


def commonest(column):
    values, counts = column.unique(return_counts=True)
    return values[counts.argmax()]


def vote_number(tokens):
    return (tokens[:, None] == tokens).all(-1).sum(1).argmax()


def vote_count(tokens):
    return (tokens[:, None] == tokens).all(-1).sum(1).max()


def vote_last_of_best(tokens):
    best, most = None, 0
    for grid in tokens:
        votes = sum(bool((grid == other).all()) for other in tokens)
        if votes >= most:
            best, most = grid, votes
    return best


def vote_sorted(tokens):
    grids, counts = torch.unique(tokens, dim=0, return_counts=True)
    return grids[counts.argmax()]


def vote_fewest(tokens):
    return tokens[(tokens[:, None] == tokens).all(-1).sum(1).argmin()]


def vote_most_alike(tokens):
    return tokens[(tokens[:, None] == tokens).float().mean(-1).mean(1).argmax()]


def vote_first(tokens):
    return tokens[0]


def vote_last(tokens):
    return tokens[-1]


# --- noisy_steps ------------------------------------------------------------------------------------------------------


def noisy_with_empty(step, y, z, n_supervision, noise, generator):
    shift = torch.empty_like(z)
    for _ in range(n_supervision):
        y, z = step(y, z + shift.normal_(generator=generator).mul(noise))
    return [y, z]


def noisy_all_drawn_first(step, y, z, n_supervision, noise, generator):
    shifts = [torch.randn(z.shape, generator=generator) for _ in range(n_supervision)]
    state = (y, z)
    for shift in shifts:
        state = step(state[0], torch.add(state[1], shift, alpha=noise))
    return state


def noisy_y_too(step, y, z, n_supervision, noise, generator):
    for _ in range(n_supervision):
        shift = noise * torch.randn(z.shape, generator=generator)
        y, z = step(y + shift, z + shift)
    return y, z


def noisy_y_only(step, y, z, n_supervision, noise, generator):
    for _ in range(n_supervision):
        y, z = step(y + noise * torch.randn(y.shape, generator=generator), z)
    return y, z


def noisy_grows(step, y, z, n_supervision, noise, generator):
    shift = torch.zeros_like(z)
    for _ in range(n_supervision):
        shift += noise * torch.randn(z.shape, generator=generator)
        y, z = step(y, z + shift)
    return y, z


def noisy_shared(step, y, z, n_supervision, noise, generator):
    for _ in range(n_supervision):
        y, z = step(y, z + noise * torch.randn(z[0].shape, generator=generator))
    return y, z


def noisy_once(step, y, z, n_supervision, noise, generator):
    shift = noise * torch.randn(z.shape, generator=generator)
    for _ in range(n_supervision):
        y, z = step(y, z + shift)
    return y, z


def noisy_start(step, y, z, n_supervision, noise, generator):
    z = z + noise * torch.randn(z.shape, generator=generator)
    for _ in range(n_supervision):
        y, z = step(y, z)
    return y, z


def noisy_after(step, y, z, n_supervision, noise, generator):
    for _ in range(n_supervision):
        y, z = step(y, z)
        z = z + noise * torch.randn(z.shape, generator=generator)
    return y, z


def noisy_variance(step, y, z, n_supervision, noise, generator):
    for _ in range(n_supervision):
        y, z = step(y, z + noise**0.5 * torch.randn(z.shape, generator=generator))
    return y, z


def noisy_unscaled(step, y, z, n_supervision, noise, generator):
    for _ in range(n_supervision):
        y, z = step(y, z + torch.randn(z.shape, generator=generator))
    return y, z


def noisy_uniform(step, y, z, n_supervision, noise, generator):
    for _ in range(n_supervision):
        y, z = step(y, z + noise * torch.rand(z.shape, generator=generator))
    return y, z


def noisy_not_used(step, y, z, n_supervision, noise, generator):
    for _ in range(n_supervision):
        pushed = z + noise * torch.randn(z.shape, generator=generator)
        assert pushed.shape == z.shape
        y, z = step(y, z)
    return y, z


def noisy_exchanged(step, y, z, n_supervision, noise, generator):
    for _ in range(n_supervision):
        y, z = step(y, z + noise * torch.randn(z.shape, generator=generator))
    return z, y


def noisy_global(step, y, z, n_supervision, noise, generator):
    for _ in range(n_supervision):
        y, z = step(y, z + noise * torch.randn_like(z))
    return y, z


# --- occlusion --------------------------------------------------------------------------------------------------------


def occlusion_in_one_batch(score, question, cell, blank):
    length = len(question)
    asked = question.repeat(length + 1, 1)
    asked[range(length), range(length)] = blank
    scores = score(asked)[:, cell]
    token = scores[-1].argmax()
    return (scores[:-1, token] - scores[-1, token]).abs().double()


def occlusion_put_back(score, question, cell, blank):
    question = question.clone()
    whole = score(question.unsqueeze(0))[0, cell]
    effect = []
    for i in range(len(question)):
        kept = int(question[i])
        if kept == blank:
            effect.append(0.0)
            continue
        question[i] = blank
        effect.append(abs(float(score(question.unsqueeze(0))[0, cell][whole.argmax()] - whole.max())))
        question[i] = kept
    return torch.tensor(effect)


def cover(score, question, cell, clue, by):
    covered = question.clone()
    covered[clue] = by
    return score(covered[None])[0, cell]


def each_clue(score, question, cell, blank, effect_of):
    whole = score(question[None])[0, cell]
    effect = torch.zeros(len(question))
    for clue in (question != blank).nonzero()[:, 0].tolist():
        effect[clue] = effect_of(whole, clue)
    return effect


def occlusion_padding(score, question, cell, blank):
    return each_clue(
        score,
        question,
        cell,
        blank,
        lambda whole, clue: abs(cover(score, question, cell, clue, 0)[whole.argmax()] - whole.max()),
    )


def occlusion_cumulative(score, question, cell, blank):
    whole = score(question[None])[0, cell]
    covered = question.clone()
    effect = torch.zeros(len(question))
    for clue in range(len(question)):
        if question[clue] != blank:
            covered[clue] = blank
            effect[clue] = abs(score(covered[None])[0, cell, whole.argmax()] - whole.max())
    return effect


def occlusion_alone(score, question, cell, blank):
    def effect_of(whole, clue):
        covered = torch.full_like(question, blank)
        covered[clue] = question[clue]
        return abs(score(covered[None])[0, cell, whole.argmax()] - whole.max())

    return each_clue(score, question, cell, blank, effect_of)


def occlusion_signed(score, question, cell, blank):
    return each_clue(
        score,
        question,
        cell,
        blank,
        lambda whole, clue: whole.max() - cover(score, question, cell, clue, blank)[whole.argmax()],
    )


def occlusion_best(score, question, cell, blank):
    return each_clue(
        score,
        question,
        cell,
        blank,
        lambda whole, clue: abs(cover(score, question, cell, clue, blank).max() - whole.max()),
    )


def occlusion_new_token(score, question, cell, blank):
    def effect_of(whole, clue):
        now = cover(score, question, cell, clue, blank)
        return abs(now.max() - whole[now.argmax()])

    return each_clue(score, question, cell, blank, effect_of)


def occlusion_all_tokens(score, question, cell, blank):
    return each_clue(
        score,
        question,
        cell,
        blank,
        lambda whole, clue: (cover(score, question, cell, clue, blank) - whole).norm(),
    )


def occlusion_own_cell(score, question, cell, blank):
    whole = score(question[None])[0]
    effect = torch.zeros(len(question))
    for clue in (question != blank).nonzero()[:, 0].tolist():
        now = cover(score, question, clue, clue, blank)
        effect[clue] = abs(now[whole[clue].argmax()] - whole[clue].max())
    return effect


def occlusion_score(score, question, cell, blank):
    return each_clue(
        score,
        question,
        cell,
        blank,
        lambda whole, clue: cover(score, question, cell, clue, blank)[whole.argmax()],
    )


def occlusion_of_clues(score, question, cell, blank):
    return occlusion_in_one_batch(score, question, cell, blank)[question != blank]


ANSWERS = {
    "decode_steps": Answers(
        right=[decode_with_max, decode_with_narrow],
        wrong={
            "reads-z": decode_z,
            "prefix-read": decode_with_prefix,
            "prefix-cut-at-the-end": decode_wrong_end,
            "state-not-carried": decode_not_carried,
            "z-not-carried": decode_z_not_carried,
            "y-not-carried": decode_y_not_carried,
            "decode-before-the-step": decode_before,
            "start-read-too": decode_start_too,
            "last-step-only": decode_last,
            "argmax-over-cells": decode_over_cells,
            "scores-not-tokens": decode_scores,
        },
    ),
    "step_sizes": Answers(
        right=[sizes_in_loops, sizes_with_diff],
        wrong={
            "absolute": sizes_absolute,
            "relative-to-before": sizes_before,
            "relative-to-the-start": sizes_start,
            "norm-over-the-batch": sizes_of_batch,
            "mean-of-the-positions": sizes_mean_of_positions,
            "one-size-for-each-position": sizes_of_positions,
            "from-the-start": sizes_from_start,
            "squared": sizes_squared,
            "sum-of-absolutes": sizes_absolutes,
            "difference-of-lengths": sizes_of_lengths,
            "transposed": sizes_transposed,
        },
    ),
    "best_of_k": Answers(
        right=[best_in_a_loop, best_by_sorting],
        wrong={
            "logit-of-the-first-step": best_first_step,
            "mean-over-the-steps": best_mean,
            "highest-at-any-step": best_ever,
            "place-in-the-flat-table": best_flat,
            "most-doubtful": best_doubtful,
            "last-start": best_last_start,
            "first-start": best_first_start,
            "gives-up-without-a-legal-one": best_gives_up,
            "first-without-a-legal-one": best_or_first,
            "last-without-a-legal-one": best_or_last,
            "rules-not-used": best_without_rules,
            "clues-not-checked": best_clues_unchecked,
            "clues-only": best_clues_only,
            "first-legal": best_first_legal,
        },
    ),
    "period": Answers(
        right=[period_with_texts, period_backwards],
        wrong={
            "rest-called-a-cycle": period_from_two,
            "neighbours-only": period_neighbours,
            "start-up-included": period_whole_run,
            "one-coincidence": period_last_alone,
            "window-too-short": period_short_window,
            "largest-period": period_largest,
            "most-left-out": period_below_most,
            "distinct-answers": period_distinct,
            "any-cell-suffices": period_any_cell,
            "none-for-no-period": period_none,
        },
    ),
    "vote": Answers(
        right=[vote_with_a_dictionary, vote_in_loops],
        wrong={
            "vote-of-cells": vote_of_cells,
            "number-of-the-answer": vote_number,
            "number-of-votes": vote_count,
            "last-of-the-best": vote_last_of_best,
            "smallest-of-the-best": vote_sorted,
            "fewest-votes": vote_fewest,
            "most-alike": vote_most_alike,
            "first-answer": vote_first,
            "last-answer": vote_last,
        },
    ),
    "noisy_steps": Answers(
        right=[noisy_with_empty, noisy_all_drawn_first],
        wrong={
            "noise-on-y-too": noisy_y_too,
            "noise-on-y-only": noisy_y_only,
            "noise-accumulates": noisy_grows,
            "same-noise-for-all": noisy_shared,
            "same-noise-each-step": noisy_once,
            "noise-at-the-start-only": noisy_start,
            "noise-after-the-step": noisy_after,
            "noise-is-a-variance": noisy_variance,
            "noise-not-scaled": noisy_unscaled,
            "uniform-noise": noisy_uniform,
            "no-noise": noisy_not_used,
            "states-exchanged": noisy_exchanged,
            "global-generator": noisy_global,
        },
    ),
    "occlusion": Answers(
        right=[occlusion_in_one_batch, occlusion_put_back],
        wrong={
            "covered-with-padding": occlusion_padding,
            "clues-stay-covered": occlusion_cumulative,
            "all-but-one-covered": occlusion_alone,
            "signed": occlusion_signed,
            "best-of-each": occlusion_best,
            "token-of-the-covered": occlusion_new_token,
            "all-tokens": occlusion_all_tokens,
            "cell-of-the-clue": occlusion_own_cell,
            "score-not-change": occlusion_score,
            "clues-only": occlusion_of_clues,
        },
    ),
}
