package io.usagekit.verification.architecture.wrong.rows;

import io.usagekit.verification.architecture.wrong.events.UsesRollups;
import io.usagekit.verification.architecture.wrong.internal.UsesEntryClass;

/** Uses what is internal, as it may, and the ledger. */
public record UsesInternalAndEvents(UsesEntryClass internal, UsesRollups events) {}
