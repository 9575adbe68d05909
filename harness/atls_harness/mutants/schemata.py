# SPDX-License-Identifier: Apache-2.0
"""A C file with all of its changes at once, of which the environment chooses.

Each function that is changed gets, before its body, a copy of the body for each change, and goes
into the copy that was chosen as the program began ("mutant schemata", Untch, Offutt and
Harrold, 1993). So everything is compiled and linked once, and a change costs the running of tests.

The numbers are read from the environment that a program's beginning hands to its constructors:
nothing of the C library is called, for the device's core must not need it.
"""

from __future__ import annotations

import re
from typing import Collection

from .changes import changes, functions, masked

CHOICE = """\
static int atls_change[{functions}];
__attribute__((constructor)) static void atls_choose(int argc, char **argv, char **environment)
{{
    static const int function[] = {{{places}}};
    static const char name[] = "{variable}=";
    for (; *environment; environment++) {{
        const char *at = *environment;
        int i = 0, number = 0;
        while (name[i] && at[i] == name[i])
            i++;
        if (name[i])
            continue;
        for (; at[i]; i++) {{
            number = at[i] == ' ' ? 0 : 10 * number + at[i] - '0';
            if (number > 0 && (!at[i + 1] || at[i + 1] == ' '))
                atls_change[function[number]] = number;
        }}
    }}
}}
#line 1 "{file}"
"""
_WRONG = re.compile(
    r"^(?P<file>[^:@\n]+)@(?P<number>\d+):[\d:]+ (?P<said>(?:fatal )?error: .*)$", re.M
)


def variable(file: str) -> str:
    """The environment's variable that chooses changes of FILE, by their numbers."""
    return "ATLS_CHANGE_" + re.sub(r"\W", "_", file)


def with_changes(file: str, text: str, left_out: Collection[int] = ()) -> str:
    """TEXT of FILE with all of its changes, numbered from 1, but those that are LEFT_OUT."""
    numbered = list(enumerate(changes(text), 1))
    held = functions(masked(text))
    places = [0]  # the function of each change, which has one chosen at a time
    for _, change in numbered:
        places.append(next(at for at, one in enumerate(held) if one.holds(change.start)))
    choice = CHOICE.format(
        functions=len(held) or 1,
        places=", ".join(map(str, places)),
        variable=variable(file),
        file=file,
    )
    made, done = [choice], 0
    for place, function in enumerate(held):
        own = [one for one in numbered if places[one[0]] == place and one[0] not in left_out]
        if not own:
            continue
        begin, end = function.body, function.end
        made.append(text[done:begin] + f"{{\nswitch (atls_change[{place}]) {{\n")
        for number, change in own:
            body = change.apply(text, begin, end)
            made.append(f'case {number}:\n#line 1 "{file}@{number}"\n{body}\ngoto atls_end;\n')
        made.append(f"default:\nbreak;\n}}\n{_line(file, text, begin)}{text[begin:end]}\n")
        made.append(f"atls_end:;\n}}\n{_line(file, text, end)}")
        done = end
    return "".join(made) + text[done:]


def _line(file: str, text: str, place: int) -> str:
    return f'#line {text.count(chr(10), 0, place) + 1} "{file}"\n'


def not_c(said: str) -> dict[tuple[str, int], str]:
    """The changes that do not compile, by file and number, of what a compiler SAID."""
    wrong: dict[tuple[str, int], str] = {}
    for found in _WRONG.finditer(said):
        wrong.setdefault((found["file"], int(found["number"])), found["said"])
    return wrong
