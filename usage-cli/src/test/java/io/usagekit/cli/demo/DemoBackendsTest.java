package io.usagekit.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.usagekit.cli.support.Failures;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class DemoBackendsTest {

    @Test
    void aServerThatCantBeStartedIsAMessageThatSaysWhatToPassInstead() {
        Throwable error =
                catchThrowable(() -> DemoBackends.start("PostgreSQL", "--jdbc-url jdbc:postgresql://...", () -> {
                    throw new UncheckedIOException(
                            "embedded PostgreSQL can't be started: no binaries", new IOException("x"));
                }));

        assertThat(Failures.describe(Objects.requireNonNull(error)))
                .contains("no PostgreSQL of its own can be started on this machine")
                .contains("pass --jdbc-url jdbc:postgresql://... of one that is running")
                .contains("no binaries");
    }
}
