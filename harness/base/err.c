/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, int errnum, const char *fmt, ...)
{
	va_list ap;

	if (e) {
		e->code = errnum;
		va_start(ap, fmt);
		vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
		va_end(ap);
	}
	return -errnum;
}

/* append - put text behind what is in msg, as far as it fits. */
static void append(char *msg, size_t size, const char *text)
{
	size_t len = strlen(msg);

	snprintf(msg + len, size - len, "%s", text);
}

int err_errno(struct err *e, int errnum, const char *fmt, ...)
{
	char text[128] = "";
	va_list ap;

	if (!e)
		return -errnum;
	e->code = errnum;
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	append(e->msg, sizeof(e->msg), ": ");
	append(e->msg, sizeof(e->msg), strerror_r(errnum, text, sizeof(text)));
	return -errnum;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char inner[ERR_MSG_MAX];
	va_list ap;

	if (!e)
		return -EIO;
	memcpy(inner, e->msg, sizeof(inner));
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	append(e->msg, sizeof(e->msg), ": ");
	append(e->msg, sizeof(e->msg), inner);
	return e->code ? -e->code : -EIO;
}
