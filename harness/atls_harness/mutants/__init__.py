# SPDX-License-Identifier: Apache-2.0
"""Mutation testing of the C code: does some unit test notice when one line is changed?

`changes` makes the changes of a file, `schemata` puts all of them into it at once, `workshop` is a
copy in which files are others than in the tree, `bench` the build of all changes, `reach` says
which test runs which line, `judge` plays each change against those tests, and `stage` is the stage
`mutants` of `./atls test`.
"""
