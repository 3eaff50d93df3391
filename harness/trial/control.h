/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TRIAL_CONTROL_H
#define WD_TRIAL_CONTROL_H

/*
 * A worker under way can be talked to by its own user: `worstday exec` and
 * `ctl` do. One question is one message; answers are any number of messages and
 * a last one with an exit code.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct buf;
struct err;
struct loop;
struct stage;

#define CONTROL_TEXT_MAX 16384

/* ---- the worker's side ---- */

/** control_listen - call in the host's network namespace. @harness: the process people started.
 * The socket, or -errno: then nobody can talk to this one. */
int control_listen(pid_t harness);

struct control;
struct control_talk; /* one question that waits for its answer */
/** control_serve - hand each question to `asked`, on the loop. @fd: borrowed, of control_listen. */
struct control *control_serve(struct loop *loop, int fd,
			      void (*asked)(void *arg, struct control_talk *t, const char *text),
			      void *arg);
/** control_end - hang up on everybody; NULL is fine. */
void control_end(struct control *c);
/** control_say - a piece of the answer. */
void control_say(struct control_talk *t, const char *text, size_t len);
/** control_answer - the last piece, with n descriptors (borrowed, at most 2); t is gone then. */
void control_answer(struct control_talk *t, int code, const char *text, const int *fds, size_t n);
/** control_enter - the answer to "enter NODE[/SERVICE]": a pidfd of a process to join. */
void control_enter(struct control_talk *t, struct stage *st, const char *where);

/* ---- who asks ---- */

/** control_call - connect to the worker of `trial` (a pid as text; NULL: the only one there is).
 * The socket, or -errno with words. */
int control_call(const char *trial, struct err *e);
/** control_ask - ask, hand each piece to `said`, wait for the end. The exit code, or -errno with
 * words. @ret_fd: NULL, or the descriptor that came (-1: none); owned. */
int control_ask(int sock, const char *text, void (*said)(void *arg, const char *text, size_t len),
		void *arg, int *ret_fd, struct err *e);

#endif
