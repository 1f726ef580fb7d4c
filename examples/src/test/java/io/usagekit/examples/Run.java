package io.usagekit.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;

/** What one command did. */
record Run(int exitCode, String out, String err) {

    /** Runs a command in this JVM. */
    static Run of(String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int exitCode = UsageCommand.commandLine()
                .setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .execute(args);
        return new Run(exitCode, out.toString(), err.toString());
    }

    Run succeeded() {
        assertThat(exitCode).as("exit code; on standard error: %s", err).isZero();
        return this;
    }

    /** Failed with this code, said nothing on standard output, and no stack trace on standard error. */
    Run failed(int code) {
        assertThat(exitCode).as("exit code; on standard error: %s", err).isEqualTo(code);
        assertThat(out).isEmpty();
        assertThat(err).isNotBlank().doesNotContain("\tat ").doesNotContain("Exception");
        return this;
    }

    Run saying(String... parts) {
        assertThat(err).contains(parts);
        return this;
    }
}
