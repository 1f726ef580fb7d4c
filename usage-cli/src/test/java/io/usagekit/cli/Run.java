package io.usagekit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;

/** What one command did. */
public record Run(int exitCode, String out, String err) {

    /** Runs a command in this JVM. */
    public static Run of(String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int exitCode = UsageCommand.commandLine()
                .setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .execute(args);
        return new Run(exitCode, out.toString(), err.toString());
    }

    public Run succeeded() {
        assertThat(exitCode).as("exit code; on standard error: %s", err).isZero();
        return this;
    }

    /** Failed with this code, said nothing on standard output, and no stack trace on standard error. */
    public Run failed(int code) {
        assertThat(exitCode).as("exit code; on standard error: %s", err).isEqualTo(code);
        assertThat(out).isEmpty();
        assertThat(err).isNotBlank().doesNotContain("\tat ").doesNotContain("Exception");
        return this;
    }

    public Run saying(String... parts) {
        assertThat(err).contains(parts);
        return this;
    }
}
