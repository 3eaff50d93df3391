#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Purpose: what README and manual promise has a test that exercises it (tests/promises.txt).
exec "$(dirname "$0")/../tidy" promises
