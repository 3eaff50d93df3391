/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TRIAL_EVIDENCE_H
#define WD_TRIAL_EVIDENCE_H

/* What the wire saw: packets in wire.pcapng, and counts of every link. */
#include "trial/trial.h"

struct ledger;
struct stage;

#define EVIDENCE_FILE "wire.pcapng"

/** evidence_begin - a capture as the experiment's `pcap:` asks for. @epoch_ns: of the events. */
int evidence_begin(struct stage *st, const struct trial_in *in, int64_t epoch_ns, struct err *e);
/** evidence_end - everything into `out`; what is missing is noted in the ledger too. Fine when
 * nothing was begun. */
void evidence_end(struct stage *st, const struct trial_in *in, struct ledger *l,
		  struct trial_out *out);

#endif
