#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Purpose: no line is wider than 100 columns.
exec "$(dirname "$0")/../tidy" columns
