#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Purpose: each source names its licence at the top.
exec "$(dirname "$0")/../tidy" spdx
