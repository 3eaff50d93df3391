#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Purpose: includes point only to lower rooms (DESIGN: Rooms). Buggy result: a judge that knows a fault.
exec "$(dirname "$0")/../tidy" arrows
