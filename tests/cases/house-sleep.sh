#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Purpose: nobody sleeps and hopes, in C or in the shell.
exec "$(dirname "$0")/../tidy" sleep
