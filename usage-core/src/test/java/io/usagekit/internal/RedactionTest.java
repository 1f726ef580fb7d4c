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
                "trustStorePassword='s3cret \\' s3cret'",
                "jdbc:postgresql://db/app?password=s3cret,s3cret&ssl=true",
                "jdbc:postgresql://db/app?password=s3cret;s3cret's3cret\"s3cret",
                "host=db,password=s3cret,s3cret",
                "properties {password=s3cret,s3cret, user=app}",
                "properties {user=app, password=s3cret, s3cret s3cret}",
                "can't connect to redis://s3@cr:s3cret@cache",
            })
    void replacesPasswords(String text) {
        assertThat(Redaction.redact(text)).doesNotContain("s3cret").contains("****");
        assertThat(Redaction.redact(Redaction.redact(text))).as("twice").isEqualTo(Redaction.redact(text));
    }

    @Test
    void keepsWhatFollowsAPassword() {
        assertThat(Redaction.redact("jdbc:postgresql://db/app?password=a,b;c&ssl=true refused"))
                .isEqualTo("jdbc:postgresql://db/app?password=****&ssl=true refused");
        assertThat(Redaction.redact("{password=a, b,c, user=app, keyPassword=d} refused"))
                .isEqualTo("{password=****, user=app, keyPassword=****} refused");
        assertThat(Redaction.redact("redis://app:a,b@cache:6379/1")).isEqualTo("redis://app:****@cache:6379/1");
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

    @Test
    void copiesWhatAnErrorSuppressed() {
        Exception cleanUp =
                new IllegalArgumentException("bad url redis://:s3cret@cache", new Exception("password=s3cret"));
        Exception cause = new Exception("refused");
        cause.addSuppressed(cleanUp);
        Exception wrapped = new IllegalStateException("can't connect", cause);

        StringWriter printed = new StringWriter();
        Redaction.redact(wrapped).printStackTrace(new PrintWriter(printed));

        assertThat(printed.toString())
                .contains("Suppressed: java.lang.IllegalArgumentException: bad url redis://:****@cache")
                .contains("Caused by: java.lang.Exception: password=****")
                .doesNotContain("s3cret");
    }

    @Test
    void endsOnErrorsThatReferToEachOther() {
        Exception error = new Exception("password=s3cret");
        Exception other = new Exception("other", error);
        error.addSuppressed(other);
        for (int i = 0; i < 1_000; i++) {
            other.addSuppressed(new Exception("password=s3cret" + i));
        }

        StringWriter printed = new StringWriter();
        Redaction.redact(error).printStackTrace(new PrintWriter(printed));

        assertThat(printed.toString()).contains("other").doesNotContain("s3cret");
    }
}
