package io.usagekit.cli.support;

import io.usagekit.postgres.events.PostgresLedger;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** For how long an installed ledger retains ids of what retention deletes. */
public final class RetainIdsOption {

    @Option(
            names = "--retain-ids",
            paramLabel = "DURATION",
            description =
                    "For how long ids and keys of events and deliveries that retention deletes stay known, such as P30D, or"
                            + " PT0S for not at all; as installed before unless given.")
    private @Nullable Duration retained;

    /** Creates the option. */
    public RetainIdsOption() {}

    /** Builds a ledger that installs it. */
    public PostgresLedger ledger(PostgresLedger.Builder builder) {
        return retained == null ? builder.build() : builder.retainIds(retained).build();
    }
}
