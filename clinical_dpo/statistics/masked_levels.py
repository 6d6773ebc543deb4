"""Choose the levels of subgroups whose numbers are masked (hidden), so that no numbers of a few people are shown."""

from collections.abc import Callable, Collection, Mapping


def masked_levels(
    of: Mapping[str, Mapping[str, Collection[str]]],
    people: Callable[[Collection[str]], int],
    smallest: int | None,
) -> dict[str, set[str]]:
    """Find the levels of each subgroup to mask (hide), to protect the numbers of a few people.

    A few people are fewer than `smallest` people.

    First, the function `masked` chooses levels in each subgroup without regard to the other subgroups. After that, two
    subgroups together may still reveal the numbers of a few people. There are two cases:

    - A level differs by only a few people from one level of another subgroup. For example, one subgroup has the level
      "65 or more", and another has the level "66 or more". The numbers of the first level minus those of the second
      would reveal the numbers of the people of age 65. The level of the later subgroup in `of` is masked.
    - A level differs by only a few people from several levels of another subgroup together. For example, all women are
      in two wards, and these wards have only a few other patients. The single level, here "women", is masked.

    Whenever a level is masked in this way, `masked` chooses further levels of the same subgroup to protect it.

    Args:
        of: maps each subgroup to its levels, and each level to the ids of its items.
        people: function that takes ids of items and returns the number of people: the number of different groups, such
            as patients, to which the items belong. Without groups, it returns the number of items.
        smallest: smallest number of people whose numbers are shown; None to show all numbers.

    Returns:
        A mapping from each subgroup to its masked levels.
    """
    if smallest is None:
        return {subgroup: set() for subgroup in of}
    items = {subgroup: {level: set(ids) for level, ids in levels.items()} for subgroup, levels in of.items()}
    sizes = {subgroup: {level: people(ids) for level, ids in levels.items()} for subgroup, levels in items.items()}
    hidden = {subgroup: masked(sizes[subgroup], smallest) for subgroup in items}

    def revealing() -> tuple[str, str] | None:
        """Find a shown level that, compared with another subgroup, reveals the numbers of too few people.

        A reader knows the numbers of each shown level of the other subgroup, and of its masked levels together (they
        count as one level here). From these numbers, subtraction gives the numbers of two sets of people. For example,
        the level is "women", and the other subgroup is the ward:

        - All people in wards that have women, minus the women: the men in these wards.
        - All women, minus the people in wards that have only women: the women in the other wards. This set exists only
          if some ward has only women.

        A level is found if one of the two sets has at least 1 and fewer than `smallest` people.

        Returns:
            The level's subgroup and the level; None if there is no such level.
        """
        for subgroup in reversed(list(items)):
            for level, own in items[subgroup].items():
                for other in items:
                    if other == subgroup or level in hidden[subgroup]:
                        continue
                    # The sum of the masked levels is known: it is the total minus the shown levels.
                    rest: set[str] = set().union(*(items[other][name] for name in hidden[other]))
                    known = [ids for name, ids in items[other].items() if name not in hidden[other]] + [rest]
                    around: set[str] = set().union(*(ids for ids in known if ids & own))
                    within: set[str] = set().union(*(ids for ids in known if ids <= own))
                    differences = [around - own] + ([own - within] if within else [])
                    if any(0 < people(ids) < smallest for ids in differences):
                        return subgroup, level
        return None

    while few := revealing():
        subgroup, level = few
        hidden[subgroup] = masked(sizes[subgroup], smallest, {*hidden[subgroup], level})
    return hidden


def masked(sizes: Mapping[str, int], smallest: int, others: Collection[str] = ()) -> set[str]:
    """Find the levels of one subgroup to mask (hide): levels that are too small, `others`, and levels to protect these.

    The total of all levels is known, so a single masked level could be computed from it. If any level is masked,
    further levels are therefore masked, the smallest first. This ends when two or more masked levels together have at
    least `smallest` items or groups, or when all levels are masked.

    Args:
        sizes: maps each level to its number of items or groups.
        smallest: a level with fewer items or groups than this is too small, and is masked.
        others: levels that are masked whatever their size.
    """
    by_size = sorted(sizes, key=lambda level: sizes[level])
    hidden = [level for level in by_size if sizes[level] < smallest or level in others]
    for level in by_size:
        if not hidden or (len(hidden) > 1 and sum(sizes[each] for each in hidden) >= smallest):
            break
        if level not in hidden:
            hidden.append(level)
    return set(hidden)
