#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Purpose: no function is longer than 70 lines.
exec "$(dirname "$0")/../tidy" length
