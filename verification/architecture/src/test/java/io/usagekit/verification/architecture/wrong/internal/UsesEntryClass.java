package io.usagekit.verification.architecture.wrong.internal;

import io.usagekit.verification.architecture.wrong.PostgresUsage;
import io.usagekit.verification.architecture.wrong.TableMapping;

/** Uses the adapter's entry class, beside the mapping that it may use. */
public record UsesEntryClass(TableMapping mapping, PostgresUsage usage) {}
