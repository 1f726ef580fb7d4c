package io.usagekit.internal;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Replaces passwords in messages, which drivers compose of URLs. */
public final class Redaction {

    private static final String ASTERISKS = "****";

    /**
     * Password of a URL: up to the last at sign, since one that isn't encoded may contain at signs and slashes. Cutting too much
     * of a message is the lesser evil.
     */
    private static final Pattern USER_INFO = Pattern.compile("(://[^\\s:/@?#]*):\\S*@");

    /** User information of a Redis URL, which is the password where it has no colon. */
    private static final Pattern REDIS_USER_INFO = Pattern.compile("(?i)(redis[a-z-]*://)[^\\s:@]+@");

    /** Parameter of a URL or a connection string, quoted or not. */
    private static final Pattern PARAMETER = Pattern.compile(
            "(?i)([\\w.-]*(?:password|passwd|passphrase|pwd)\\s*=\\s*)(?:'[^']*'|\"[^\"]*\"|[^\\s&;,'\"]+)");

    private static final int MOST_CAUSES = 50;

    private Redaction() {}

    /** Returns the text with asterisks in place of passwords. */
    public static String redact(String text) {
        String hidden = text;
        if (hidden.contains("://")) {
            hidden = USER_INFO.matcher(hidden).replaceAll("$1:" + ASTERISKS + "@");
            hidden = REDIS_USER_INFO.matcher(hidden).replaceAll("$1" + ASTERISKS + "@");
        }
        return hidden.indexOf('=') < 0 ? hidden : PARAMETER.matcher(hidden).replaceAll("$1" + ASTERISKS);
    }

    /** Returns the error itself if no message of it or its causes contains a password; otherwise a copy for the log. */
    static Throwable redact(Throwable error) {
        List<Throwable> chain = chain(error);
        boolean clean = chain.stream()
                .map(Redaction::text)
                .allMatch(text -> redact(text).equals(text));
        if (clean) {
            return error;
        }
        Throwable copy = null;
        for (int i = chain.size() - 1; i >= 0; i--) {
            copy = new Redacted(chain.get(i), copy);
        }
        return copy == null ? error : copy;
    }

    /** Returns the error and its causes, the deepest one last. */
    static List<Throwable> chain(Throwable error) {
        List<Throwable> chain = new ArrayList<>();
        Throwable next = error;
        while (next != null && chain.size() < MOST_CAUSES) {
            chain.add(next);
            next = next.getCause();
        }
        return chain;
    }

    private static String text(Throwable error) {
        return String.valueOf(error);
    }

    /** Copy of an exception for the log: its class and its message without passwords, and its stack. */
    private static final class Redacted extends Exception {

        private static final long serialVersionUID = 1L;

        Redacted(Throwable original, @Nullable Throwable cause) {
            super(redact(text(original)), cause);
            setStackTrace(original.getStackTrace());
        }

        @Override
        @SuppressWarnings("OverrideThrowableToString") // the class of the original stands in the message
        public String toString() {
            return String.valueOf(getMessage());
        }
    }
}
