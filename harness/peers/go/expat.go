// SPDX-License-Identifier: Apache-2.0

package main

type expat struct{ *session }

func newExpat(s *session) *expat { return &expat{s} }

func (x *expat) run() *failure { return fail("internal", "", "not yet") }
