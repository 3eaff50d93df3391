#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Purpose: each fault has an experiment that shows it, named like it.
exec "$(dirname "$0")/../tidy" smoke
