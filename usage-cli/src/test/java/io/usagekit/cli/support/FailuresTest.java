package io.usagekit.cli.support;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageCalculationException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.NoSuchFileException;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;

class FailuresTest {

    @Test
    void saysTheMessageAndItsCausesInOneLine() {
        Throwable error = new UsageCalculationException(
                "the figure can't be computed",
                new IOException("connection\n  Position: 15\treset", new TimeoutException()));

        assertThat(Failures.describe(error))
                .isEqualTo("the figure can't be computed: connection Position: 15 reset: TimeoutException");
    }

    @Test
    void printsEscapesOfCharactersThatControlATerminal() {
        assertThat(Failures.describe(new IllegalStateException("the id \"\u001b[31m\u009b2J\u202e\" is taken")))
                .isEqualTo("the id \"\\u001b[31m\\u009b2J\\u202e\" is taken");
    }

    @Test
    void doesntRepeatWhatTheMessageSaysAlready() {
        assertThat(Failures.describe(new IllegalStateException("failed: disk full", new IOException("disk full"))))
                .isEqualTo("failed: disk full");
        assertThat(Failures.describe(new UncheckedIOException(new IOException("disk full"))))
                .isEqualTo("disk full");
        assertThat(Failures.describe(new IllegalStateException(new IOException("disk full"))))
                .isEqualTo("disk full");
    }

    @Test
    void explainsAFileThatIsMissing() {
        assertThat(Failures.describe(new NoSuchFileException("x.json"))).isEqualTo("no such file: x.json");
    }

    @Test
    void endsWhereCausesGoRoundInCircles() {
        Exception first = new IllegalStateException("first");
        first.initCause(new IllegalStateException("second", first));

        assertThat(Failures.describe(first)).startsWith("first: second");
    }
}
