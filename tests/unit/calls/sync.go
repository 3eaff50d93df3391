// SPDX-License-Identifier: Apache-2.0

// Writes to a file and syncs it; its exit status is the errno of that.
package main

import (
	"errors"
	"os"
	"syscall"
)

func status(err error) {
	var number syscall.Errno
	if errors.As(err, &number) {
		os.Exit(int(number))
	}
	if err != nil {
		os.Exit(99)
	}
}

func main() {
	done := make(chan error)
	go func() {
		f, err := os.OpenFile(os.Args[1], os.O_RDWR|os.O_CREATE, 0o600)
		if err == nil {
			_, err = f.WriteString("x")
		}
		if err == nil {
			err = f.Sync()
		}
		done <- err
	}()
	status(<-done)
}
