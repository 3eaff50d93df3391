#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Purpose: the top level has its six folders, Makefile, README and LICENSE, and nothing left behind.
exec "$(dirname "$0")/../tidy" top
