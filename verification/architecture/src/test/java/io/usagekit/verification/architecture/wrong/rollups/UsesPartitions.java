package io.usagekit.verification.architecture.wrong.rollups;

import io.usagekit.verification.architecture.wrong.internal.UsesEntryClass;
import io.usagekit.verification.architecture.wrong.partitions.UsesEvents;

/** Uses partitions, which use roll-ups: a cycle. */
public record UsesPartitions(UsesEntryClass internal, UsesEvents partitions) {}
