#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Purpose: each library is known to its own room only. Buggy result: libyaml outside conf/.
exec "$(dirname "$0")/../tidy" libraries
