/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_WIRE_CAPTURE_H
#define WD_WIRE_CAPTURE_H

/*
 * Packets on their way into a file: the switch puts them into a ring in shared memory, a process
 * of its own writes them. Who puts one in never waits; what does not fit is counted.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/seen.h"
#include "wire/wire.h"

#define CAPTURE_RING (8u << 20) /* bytes; a power of two */
#define CAPTURE_NAME_MAX 64

/** struct captured - one packet in the ring; its frame, with virtio header, follows. */
struct captured {
	uint32_t size;  /* with the frame, and up to a multiple of 8 */
	uint32_t len;   /* of the frame; 0: nothing, the ring goes on at its start */
	int64_t t_ns;
	uint16_t node;  /* at whose interface */
	uint8_t inbound, what, notes;
	struct seen_note note[SEEN_NOTES_MAX];
};

/** struct capture - shared by worker, switch and writer. */
struct capture {
	/* written by the worker while nothing is captured */
	uint32_t snap;      /* bytes kept of a packet */
	int64_t size_max;   /* of the file */
	int64_t wall_ns;    /* what to add to clock_now() for the time of day */
	int64_t epoch_ns;   /* clock_now() at time 0 of events.ndjson */
	unsigned nodes;
	char name[WIRE_NODES_MAX][CAPTURE_NAME_MAX];
	/* written by the switch */
	uint64_t head;      /* bytes, only ever counted up */
	uint64_t lost;      /* packets that did not fit into the ring */
	uint64_t missing[WIRE_NODES_MAX]; /* of each interface: those, and what came when full */
	/* written by the writer */
	uint64_t tail;
	uint32_t asleep;    /* it wants to be woken */
	uint32_t full;      /* size_max is reached, or it cannot be written: no more, thank you */
	int32_t error;      /* errno of the first write that failed */
	uint64_t packets, bytes, snapped, masked;
	uint64_t over[WIRE_NODES_MAX]; /* packets of each interface that came when it was full */
	uint8_t ring[CAPTURE_RING] __attribute__((aligned(64)));
};

/** capture_put - copy a packet in, or count it when it does not fit or the file is full. */
void capture_put(struct capture *c, const struct wire_seen *x);
/** capture_get - the oldest packet, in the ring until capture_drop; NULL: none. */
const struct captured *capture_get(struct capture *c);
void capture_drop(struct capture *c);
/** capture_wants_waking - something is there and the writer sleeps: its bell is to be rung. */
bool capture_wants_waking(const struct capture *c);

/**
 * capture_writer_run - the writer's process; returns when the worker is gone. @ctl: its socket: a
 * message with a descriptor begins a file, one without ends it and is answered when all is
 * written. @bell: an eventfd.
 */
void capture_writer_run(int ctl, int bell, struct capture *c);

#endif
