/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BASE_ERR_H
#define WD_BASE_ERR_H

#define ERR_MSG_MAX 1024

/**
 * struct err - why an operation failed, in words for a person.
 *
 * Functions return 0 or a negative errno and, on failure, fill the `struct
 * err *` they were given (which may be NULL) once, where it happened. Callers
 * up the stack add what they were doing with err_wrap().
 */
struct err {
	int code; /* positive errno, 0 when unset */
	char msg[ERR_MSG_MAX];
};

/** err_set - record a failure. @errnum: positive errno. Returns -errnum. */
int err_set(struct err *e, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** err_errno - like err_set, appending ": strerror(errnum)". Returns -errnum. */
int err_errno(struct err *e, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** err_wrap - prefix the message with "fmt: ". Returns -e->code (or -EIO when e is NULL). */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
