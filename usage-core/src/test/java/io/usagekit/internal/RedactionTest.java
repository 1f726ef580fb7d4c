package io.usagekit.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RedactionTest {

    @ParameterizedTest
    @ValueSource(
            strings = {
                "no driver for jdbc:postgresql://db:5432/app?user=app&password=s3cret&ssl=true",
                "no driver for jdbc:postgresql://db/app?sslpassword=s3cret",
                "can't connect to redis://app:s3cret@cache:6379/1",
                "can't connect to redis://:s3cret@cache:6379",
                "can't connect to redis://s3cret@cache",
                "can't connect to rediss://app:s3/cr@s3cret@cache",
                "can't connect to redis-sentinel://app:s3cret@one,two#main",
                "can't connect to postgres://app:s3cret@db:5432/app: refused",
                "properties {user=app, password=s3cret}",
                "trustStorePassword = 's3cret, and more s3cret'",
            })
    void replacesPasswords(String text) {
        assertThat(Redaction.redact(text)).doesNotContain("s3cret").contains("****");
        assertThat(Redaction.redact(Redaction.redact(text))).as("twice").isEqualTo(Redaction.redact(text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "FATAL: password authentication failed for user \"app\"",
                "Connection to db:5432 refused.",
                "jdbc:postgresql://db:5432/app?user=app",
                "redis://127.0.0.1:6379",
                "WRONGPASS invalid username-password pair or user is disabled.",
            })
    void keepsTextsWithoutPasswords(String text) {
        assertThat(Redaction.redact(text)).isEqualTo(text);
    }

    @Test
    void copiesErrorsWithPasswordsForTheLogOnly() {
        Exception clean = new Exception("refused", new Exception("timed out"));
        assertThat(Redaction.redact(clean)).isSameAs(clean);

        Exception driver = new IllegalArgumentException("bad url redis://:s3cret@cache");
        Exception wrapped = new IllegalStateException("can't connect", driver);
        StringWriter printed = new StringWriter();
        Redaction.redact(wrapped).printStackTrace(new PrintWriter(printed));
        assertThat(printed.toString())
                .startsWith("java.lang.IllegalStateException: can't connect")
                .contains("Caused by: java.lang.IllegalArgumentException: bad url redis://:****@cache")
                .contains("RedactionTest.copiesErrors")
                .doesNotContain("s3cret");
    }
}
