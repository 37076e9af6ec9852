"""Lesson 13: what people hand in."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import torch

from answers import Answers

# --- read_answer ------------------------------------------------------------------------------------------------------


def widths_of(square, lowest=2):
    widths = []
    for row in square:
        n = 0
        for token in row:
            if token < lowest:
                break
            n += 1
        widths.append(n)
    return widths


def largest(widths):
    """(rows, columns)"""
    best, narrow = (0, 0), 10**6
    for r, w in enumerate(widths, start=1):
        narrow = min(narrow, w)
        if r * narrow > best[0] * best[1]:
            best = (r, narrow)
    return best


def read_by_trying(tokens, side):
    square = torch.as_tensor(tokens).reshape(side, side)
    best = square[:0, :0]
    for rows in range(1, side + 1):
        for columns in range(1, side + 1):
            part = square[:rows, :columns]
            if bool((part >= 2).all()) and part.numel() > best.numel():
                best = part
    return best - 2


def read_as_lists(tokens, side):
    square = [[int(t) for t in tokens[i * side : (i + 1) * side]] for i in range(side)]
    rows, columns = largest(widths_of(square))
    return [[t - 2 for t in row[:columns]] for row in square[:rows]]


def read_transposed(tokens, side):
    square = np.asarray(tokens).reshape(side, side).T
    rows, columns = largest(widths_of(square))
    return square[:rows, :columns] - 2


def read_to_padding(tokens, side):
    square = np.asarray(tokens).reshape(side, side)
    rows = columns = 0
    while rows < side and square[rows, 0] != 0:
        rows += 1
    while columns < side and square[0, columns] != 0:
        columns += 1
    return square[:rows, :columns] - 2


def read_with_markers(tokens, side):
    square = np.asarray(tokens).reshape(side, side)
    rows, columns = largest(widths_of(square, lowest=1))
    return square[:rows, :columns] - 2


def read_black_is_padding(tokens, side):
    square = np.asarray(tokens).reshape(side, side)
    rows, columns = largest(widths_of(square, lowest=3))
    return square[:rows, :columns] - 2


def read_tokens(tokens, side):
    return read_by_trying(tokens, side) + 2


def read_by_first_lines(tokens, side):
    square = np.asarray(tokens).reshape(side, side)
    columns = widths_of(square)[0]
    rows = widths_of(square.T)[0]
    return square[:rows, :columns] - 2


def read_all_rows(tokens, side):
    square = np.asarray(tokens).reshape(side, side)
    rows = widths_of(square.T)[0]
    return square[:rows, : min(widths_of(square)[:rows])] - 2


def read_tall(tokens, side):
    square = np.asarray(tokens).reshape(side, side)
    best, narrow = (0, 0), side
    for r, w in enumerate(widths_of(square), start=1):
        narrow = min(narrow, w)
        if r * narrow >= best[0] * best[1] and narrow:
            best = (r, narrow)
    return square[: best[0], : best[1]] - 2


# --- augment_task -----------------------------------------------------------------------------------------------------


def change(grid, mirror, turns, table):
    grid = np.asarray(grid)
    if mirror:
        grid = grid[:, ::-1]
    for _ in range(turns):
        grid = grid.T[::-1]
    return table[grid]


def augment_by_transposing(pairs, mirror, turns, colours):
    table = np.array([0] + list(colours))
    return [(change(q, mirror, turns, table), change(a, mirror, turns, table)) for q, a in pairs]


def augment_cell_by_cell(pairs, mirror, turns, colours):
    out = []
    for pair in pairs:
        done = []
        for grid in pair:
            rows = [[0 if c == 0 else colours[c - 1] for c in row] for row in grid.tolist()]
            if mirror:
                rows = [row[::-1] for row in rows]
            for _ in range(turns):
                rows = [list(column) for column in zip(*rows, strict=True)][::-1]
            done.append(rows)
        out.append(done)
    return out


def augment_inputs(pairs, mirror, turns, colours):
    table = np.array([0, *colours])
    return [(change(q, mirror, turns, table), a) for q, a in pairs]


def augment_first(pairs, mirror, turns, colours):
    table = np.array([0, *colours])
    q, a = pairs[0]
    return [(change(q, mirror, turns, table), change(a, mirror, turns, table)), *pairs[1:]]


def augment_black(pairs, mirror, turns, colours):
    colours = np.array(colours)
    return [tuple(colours[np.rot90(np.fliplr(g) if mirror else g, turns) - 1] for g in pair) for pair in pairs]


def augment_off_by_one(pairs, mirror, turns, colours):
    table = np.array([*colours, 0])
    return [tuple(change(g, mirror, turns, table) for g in pair) for pair in pairs]


def augment_backwards(pairs, mirror, turns, colours):
    table = np.argsort([0, *colours])
    return [tuple(change(g, mirror, turns, table) for g in pair) for pair in pairs]


def augment_in_turn(pairs, mirror, turns, colours):
    out = []
    for pair in pairs:
        done = []
        for grid in pair:
            grid = np.rot90(np.fliplr(grid) if mirror else grid, turns).copy()
            for old in range(1, 10):
                grid[grid == old] = colours[old - 1]
            done.append(grid)
        out.append(tuple(done))
    return out


def augment_right(pairs, mirror, turns, colours):
    table = np.array([0, *colours])
    return [tuple(table[np.rot90(np.fliplr(g) if mirror else g, k=-turns)] for g in pair) for pair in pairs]


def augment_turn_first(pairs, mirror, turns, colours):
    table = np.array([0, *colours])
    out = []
    for q, a in pairs:
        q, a = np.rot90(q, turns), np.rot90(a, turns)
        if mirror:
            q, a = q[:, ::-1], a[:, ::-1]
        out.append((table[q], table[a]))
    return out


def augment_upside_down(pairs, mirror, turns, colours):
    table = np.array([0, *colours])
    return [tuple(table[np.rot90(g[::-1] if mirror else g, turns)] for g in pair) for pair in pairs]


def augment_no_mirror(pairs, mirror, turns, colours):
    table = np.array([0, *colours])
    return [tuple(table[np.rot90(g, turns)] for g in pair) for pair in pairs]


# --- undo_augmentation ------------------------------------------------------------------------------------------------


def undo_four_minus(grid, mirror, turns, colours):
    order = np.argsort([0, *colours])
    grid = np.rot90(order[grid], 4 - turns)
    return grid[:, ::-1] if mirror else grid


def undo_with_dictionary(grid, mirror, turns, colours):
    was = {new: old for old, new in enumerate(colours, start=1)} | {0: 0}
    rows = [[was[int(c)] for c in row] for row in grid]
    for _ in range(turns):
        rows = [list(column)[::-1] for column in zip(*rows, strict=True)]
    return [row[::-1] for row in rows] if mirror else rows


def undo_again(grid, mirror, turns, colours):
    return change(grid, mirror, turns, np.array([0, *colours]))


def undo_same_colours(grid, mirror, turns, colours):
    grid = np.rot90(np.array([0, *colours])[grid], -turns)
    return np.fliplr(grid) if mirror else grid


def undo_from_zero(grid, mirror, turns, colours):
    grid = np.rot90(np.array([0, *np.argsort(colours)])[grid], -turns)
    return np.fliplr(grid) if mirror else grid


def undo_places_only(grid, mirror, turns, colours):
    grid = np.rot90(grid, -turns)
    return np.fliplr(grid) if mirror else grid


def undo_loses_black(grid, mirror, turns, colours):
    grid = np.rot90((np.argsort(colours) + 1)[grid - 1], -turns)
    return np.fliplr(grid) if mirror else grid


def undo_in_turn(grid, mirror, turns, colours):
    grid = np.rot90(grid, -turns).copy()
    for old, new in enumerate(colours, start=1):
        grid[grid == new] = old
    return np.fliplr(grid) if mirror else grid


def undo_wrong_order(grid, mirror, turns, colours):
    if mirror:
        grid = grid[:, ::-1]
    return np.argsort([0, *colours])[np.rot90(grid, -turns)]


def undo_same_direction(grid, mirror, turns, colours):
    grid = np.rot90(np.argsort([0, *colours])[grid], turns)
    return np.fliplr(grid) if mirror else grid


def undo_no_turn(grid, mirror, turns, colours):
    grid = np.argsort([0, *colours])[grid]
    return np.fliplr(grid) if mirror else grid


def undo_no_mirror(grid, mirror, turns, colours):
    return np.rot90(np.argsort([0, *colours])[grid], -turns)


# --- vote -------------------------------------------------------------------------------------------------------------


def piles(predictions, augmentations, probabilities, undo):
    found = defaultdict(list)
    for grid, how, p in zip(predictions, augmentations, probabilities, strict=True):
        grid = undo(grid, how)
        found[tuple(map(tuple, grid.tolist()))].append(p)
    return [(np.array(cells), len(ps), sum(ps) / len(ps)) for cells, ps in found.items()]


def vote_with_tuples(predictions, augmentations, probabilities, undo):
    return sorted(piles(predictions, augmentations, probabilities, undo), key=lambda a: (-a[1], -a[2]))


def vote_with_counter(predictions, augmentations, probabilities, undo):
    grids = [undo(g, a) for g, a in zip(predictions, augmentations, strict=True)]
    keys = [repr(g.tolist()) for g in grids]
    votes, total, by_key = Counter(keys), Counter(), dict(zip(keys, grids, strict=True))
    for k, p in zip(keys, probabilities, strict=True):
        total[k] += p
    best = sorted(votes, key=lambda k: total[k] / votes[k], reverse=True)
    best = sorted(best, key=lambda k: votes[k], reverse=True)
    return [[torch.from_numpy(by_key[k].copy()), votes[k], total[k] / votes[k]] for k in best]


def vote_early(predictions, augmentations, probabilities, undo):
    return vote_with_tuples(predictions, augmentations, probabilities, lambda grid, _: grid)


def vote_flat(predictions, augmentations, probabilities, undo):
    found, grids = defaultdict(list), {}
    for grid, how, p in zip(predictions, augmentations, probabilities, strict=True):
        grid = undo(grid, how)
        found[grid.tobytes()].append(p)
        grids.setdefault(grid.tobytes(), grid)
    rows = [(grids[k], len(ps), sum(ps) / len(ps)) for k, ps in found.items()]
    return sorted(rows, key=lambda a: a[1:], reverse=True)


def vote_by_score(*given):
    return sorted(piles(*given), key=lambda a: a[2], reverse=True)


def vote_first_seen(*given):
    return sorted(piles(*given), key=lambda a: a[1], reverse=True)


def vote_low_ties(*given):
    return sorted(piles(*given), key=lambda a: (-a[1], a[2]))


def vote_ascending(*given):
    return sorted(piles(*given), key=lambda a: (a[1], a[2]))


def vote_weighted(*given):
    return sorted(piles(*given), key=lambda a: a[1] * a[2], reverse=True)


def vote_unsorted(*given):
    return piles(*given)


def vote_sum(*given):
    return [(g, n, n * p) for g, n, p in vote_with_tuples(*given)]


def vote_best(predictions, augmentations, probabilities, undo):
    found = defaultdict(list)
    for grid, how, p in zip(predictions, augmentations, probabilities, strict=True):
        found[tuple(map(tuple, undo(grid, how).tolist()))].append(p)
    rows = [(np.array(cells), len(ps), max(ps)) for cells, ps in found.items()]
    return sorted(rows, key=lambda a: (a[1], a[2]), reverse=True)


# --- pass_at_2 --------------------------------------------------------------------------------------------------------


def equal(a, b):
    return a.shape == b.shape and bool((a == b).all())


def pass_in_loops(ranked, answers):
    total = 0.0
    for task in answers:
        solved = 0
        for attempts, right in zip(ranked[task], answers[task], strict=True):
            for attempt in attempts[:2]:
                if equal(attempt, right):
                    solved += 1
                    break
        total += solved / len(answers[task])
    return total / len(answers)


def pass_with_numpy(ranked, answers):
    return np.mean(
        [
            np.mean([any(np.array_equal(g, right) for g in ranked[t][i][:2]) for i, right in enumerate(answers[t])])
            for t in answers
        ]
    )


def mean_over_tasks(ranked, answers, hit):
    return float(np.mean([np.mean([hit(r, a) for r, a in zip(ranked[t], answers[t], strict=True)]) for t in answers]))


def pass_first(ranked, answers):
    return mean_over_tasks(ranked, answers, lambda r, a: len(r) > 0 and equal(r[0], a))


def pass_any_rank(ranked, answers):
    return mean_over_tasks(ranked, answers, lambda r, a: any(equal(g, a) for g in r))


def pass_both(ranked, answers):
    return mean_over_tasks(ranked, answers, lambda r, a: all(equal(g, a) for g in r[:2]))


def pass_cells(ranked, answers):
    def share(r, a):
        return max([np.mean(g == a) for g in r[:2] if g.shape == a.shape] or [0.0])

    return mean_over_tasks(ranked, answers, share)


def pass_by_input(ranked, answers):
    hits = [any(equal(g, a) for g in r[:2]) for t in answers for r, a in zip(ranked[t], answers[t], strict=True)]
    return sum(hits) / len(hits)


def pass_all_tests(ranked, answers):
    solved = 0
    for t in answers:
        solved += all(any(equal(g, a) for g in r[:2]) for r, a in zip(ranked[t], answers[t], strict=True))
    return solved / len(answers)


def pass_one_test(ranked, answers):
    solved = 0
    for t in answers:
        solved += any(any(equal(g, a) for g in r[:2]) for r, a in zip(ranked[t], answers[t], strict=True))
    return solved / len(answers)


def pass_stretched(ranked, answers):
    def hit(r, a):
        return any(np.all(g == a) for g in r[:2] if g.size in (1, a.size) and (g.size == 1 or g.shape == a.shape))

    return mean_over_tasks(ranked, answers, hit)


def pass_percent(ranked, answers):
    return 100 * pass_in_loops(ranked, answers)


def pass_count(ranked, answers):
    return pass_in_loops(ranked, answers) * len(answers)


# --- sparse_sign_sgd --------------------------------------------------------------------------------------------------


def sgd_in_a_loop(table, ids, gradient, lr, decay):
    new = table.clone()
    for i in range(len(table)):
        if (ids == i).any():
            step = gradient[ids == i].sum(0).sign()
            new[i] = table[i] - lr * decay * table[i] - lr * step
    return new


def sgd_as_a_product(table, ids, gradient, lr, decay):
    hot = torch.nn.functional.one_hot(ids, len(table)).T.to(gradient.dtype)
    used = hot.any(1, keepdim=True).to(table.dtype)
    return table * (1 - lr * decay * used) - lr * (hot @ gradient).sign()


def totals(table, ids, gradient):
    return torch.zeros_like(table).index_add_(0, ids, gradient)


def sgd_all_decay(table, ids, gradient, lr, decay):
    return table * (1 - lr * decay) - lr * totals(table, ids, gradient).sign()


def sgd_plain(table, ids, gradient, lr, decay):
    new, total = table.clone(), totals(table, ids, gradient)
    new[ids] = table[ids] * (1 - lr * decay) - lr * total[ids]
    return new


def sgd_signs_summed(table, ids, gradient, lr, decay):
    new, total = table.clone(), totals(table, ids, gradient.sign())
    new[ids] = table[ids] * (1 - lr * decay) - lr * total[ids]
    return new


def sgd_last(table, ids, gradient, lr, decay):
    new = table.clone()
    for i, g in zip(ids, gradient, strict=True):
        new[i] = table[i] * (1 - lr * decay) - lr * g.sign()
    return new


def sgd_each(table, ids, gradient, lr, decay):
    new = table.clone()
    for i, g in zip(ids, gradient, strict=True):
        new[i] = new[i] * (1 - lr * decay) - lr * g.sign()
    return new


def sgd_uphill(table, ids, gradient, lr, decay):
    new, total = table.clone(), totals(table, ids, gradient)
    new[ids] = table[ids] * (1 - lr * decay) + lr * total[ids].sign()
    return new


def sgd_no_decay(table, ids, gradient, lr, decay):
    return table - lr * totals(table, ids, gradient).sign()


def sgd_decay_alone(table, ids, gradient, lr, decay):
    new, total = table.clone(), totals(table, ids, gradient)
    new[ids] = table[ids] * (1 - decay) - lr * total[ids].sign()
    return new


def sgd_coupled(table, ids, gradient, lr, decay):
    new, total = table.clone(), totals(table, ids, gradient)
    new[ids] = table[ids] - lr * (total[ids] + decay * table[ids]).sign()
    return new


def sgd_decay_last(table, ids, gradient, lr, decay):
    new, total = table.clone(), totals(table, ids, gradient)
    new[ids] = (table[ids] - lr * total[ids].sign()) * (1 - lr * decay)
    return new


def sgd_decay_each(table, ids, gradient, lr, decay):
    new = table.clone()
    for i in ids:
        new[i] *= 1 - lr * decay
    return new - lr * totals(table, ids, gradient).sign()


# --- find_leak --------------------------------------------------------------------------------------------------------


def pair_key(pair):
    return tuple((grid.shape, grid.tobytes()) for grid in pair)


def leak_in_loops(training, evaluation):
    out = []
    for name, pairs in training.items():
        for other, theirs in evaluation.items():
            same = {pair_key(p) for p in pairs} == {pair_key(p) for p in theirs}
            if name == other or same:
                out.append(name)
                break
    return out


def leak_with_sets(training, evaluation):
    faces = {frozenset(repr([g.tolist() for g in p]) for p in pairs) for pairs in evaluation.values()}
    content = {n for n, ps in training.items() if frozenset(repr([g.tolist() for g in p]) for p in ps) in faces}
    return content | (training.keys() & evaluation.keys())


def leak_by_name(training, evaluation):
    return [name for name in training if name in evaluation]


def leak_by_content(training, evaluation):
    known = [{pair_key(p) for p in pairs} for pairs in evaluation.values()]
    return [name for name, pairs in training.items() if {pair_key(p) for p in pairs} in known]


def leak_in_order(training, evaluation):
    known = [[pair_key(p) for p in pairs] for pairs in evaluation.values()]
    return [n for n, pairs in training.items() if n in evaluation or [pair_key(p) for p in pairs] in known]


def leak_one_pair(training, evaluation):
    known = {pair_key(p) for pairs in evaluation.values() for p in pairs}
    return [n for n, pairs in training.items() if n in evaluation or any(pair_key(p) in known for p in pairs)]


def leak_inputs(training, evaluation):
    known = [{pair_key(p[:1]) for p in pairs} for pairs in evaluation.values()]
    return {n for n, pairs in training.items() if n in evaluation or {pair_key(p[:1]) for p in pairs} in known}


def leak_bytes(training, evaluation):
    def face(pairs):
        return {tuple(g.tobytes() for g in p) for p in pairs}

    known = [face(pairs) for pairs in evaluation.values()]
    return [n for n, pairs in training.items() if n in evaluation or face(pairs) in known]


def leak_of_evaluation(training, evaluation):
    return leak_in_loops(evaluation, training)


def leak_clean(training, evaluation):
    return [name for name in training if name not in leak_in_loops(training, evaluation)]


ANSWERS = {
    "read_answer": Answers(
        right=[read_by_trying, read_as_lists],
        wrong={
            "rows-and-columns": read_transposed,
            "cut-at-the-first-padding": read_to_padding,
            "end-markers-left-in": read_with_markers,
            "black-taken-for-padding": read_black_is_padding,
            "not-shifted": read_tokens,
            "flaw-kept": read_by_first_lines,
            "not-the-largest": read_all_rows,
            "tie-to-more-rows": read_tall,
        },
    ),
    "augment_task": Answers(
        right=[augment_by_transposing, augment_cell_by_cell],
        wrong={
            "inputs-only": augment_inputs,
            "first-pair-only": augment_first,
            "black-recoloured": augment_black,
            "colours-off-by-one": augment_off_by_one,
            "colours-backwards": augment_backwards,
            "recoloured-twice": augment_in_turn,
            "turned-right": augment_right,
            "mirror-after-the-turn": augment_turn_first,
            "mirrored-top-bottom": augment_upside_down,
            "not-mirrored": augment_no_mirror,
        },
    ),
    "undo_augmentation": Answers(
        right=[undo_four_minus, undo_with_dictionary],
        wrong={
            "augmented-again": undo_again,
            "permutation-not-inverted": undo_same_colours,
            "counted-from-zero": undo_from_zero,
            "colours-forgotten": undo_places_only,
            "black-lost": undo_loses_black,
            "recoloured-twice": undo_in_turn,
            "wrong-order": undo_wrong_order,
            "turned-again": undo_same_direction,
            "not-turned-back": undo_no_turn,
            "mirror-forgotten": undo_no_mirror,
        },
    ),
    "vote": Answers(
        right=[vote_with_tuples, vote_with_counter],
        wrong={
            "counted-before-undone": vote_early,
            "shape-forgotten": vote_flat,
            "by-probability-alone": vote_by_score,
            "ties-by-first-seen": vote_first_seen,
            "ties-the-wrong-way": vote_low_ties,
            "worst-first": vote_ascending,
            "votes-weighted": vote_weighted,
            "not-ranked": vote_unsorted,
            "sum-for-mean": vote_sum,
            "best-for-mean": vote_best,
        },
    ),
    "pass_at_2": Answers(
        right=[pass_in_loops, pass_with_numpy],
        wrong={
            "first-attempt-only": pass_first,
            "any-rank": pass_any_rank,
            "both-needed": pass_both,
            "any-cell": pass_cells,
            "test-inputs-counted": pass_by_input,
            "all-tests-needed": pass_all_tests,
            "one-test-enough": pass_one_test,
            "size-ignored": pass_stretched,
            "percent": pass_percent,
            "number-of-tasks": pass_count,
        },
    ),
    "sparse_sign_sgd": Answers(
        right=[sgd_in_a_loop, sgd_as_a_product],
        wrong={
            "all-rows-decayed": sgd_all_decay,
            "gradient-for-sign": sgd_plain,
            "sign-before-sum": sgd_signs_summed,
            "last-one-wins": sgd_last,
            "a-step-for-each": sgd_each,
            "uphill": sgd_uphill,
            "decay-missing": sgd_no_decay,
            "decay-without-rate": sgd_decay_alone,
            "decay-inside-the-sign": sgd_coupled,
            "decay-after-the-step": sgd_decay_last,
            "decay-for-each-visit": sgd_decay_each,
        },
    ),
    "find_leak": Answers(
        right=[leak_in_loops, leak_with_sets],
        wrong={
            "names-only": leak_by_name,
            "content-only": leak_by_content,
            "order-matters": leak_in_order,
            "one-pair-is-enough": leak_one_pair,
            "inputs-only": leak_inputs,
            "size-ignored": leak_bytes,
            "evaluation-named": leak_of_evaluation,
            "clean-ones-named": leak_clean,
        },
    ),
}
