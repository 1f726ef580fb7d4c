package io.usagekit.verification.architecture.wrong.events;

import io.usagekit.verification.architecture.wrong.rollups.UsesPartitions;

/** A feature that uses another one. */
public record UsesRollups(UsesPartitions rollups) {}
