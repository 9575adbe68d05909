# SPDX-License-Identifier: Apache-2.0
"""Mutation testing of the C code: does some unit test notice when one line is changed?

`changes` makes the changes of a file, `reach` says which test runs which line, `workshop` is the
copy in which lines are changed, `judge` plays each changed line against those tests, and `stage`
is the stage `mutants` of `./atls test`.
"""
