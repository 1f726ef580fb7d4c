package io.usagekit.verification.architecture.wrong.partitions;

import io.usagekit.verification.architecture.wrong.events.UsesRollups;
import io.usagekit.verification.architecture.wrong.rollups.UsesPartitions;

/** Uses roll-ups, as it may, and the ledger. */
public record UsesEvents(UsesPartitions rollups, UsesRollups events) {}
