package io.usagekit.internal;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.regex.Pattern;

/** Replaces passwords in messages, which drivers compose of URLs. */
public final class Redaction {

    private static final String ASTERISKS = "****";

    /**
     * Password of a URL: up to the last at sign, since one that isn't encoded may contain at signs and slashes. Cutting too much
     * of a message is the lesser evil.
     */
    private static final Pattern USER_INFO = Pattern.compile("(://[^\\s:/@?#]*):\\S*@");

    /** User information of a Redis URL that isn't a user name and a password: all of it is a password. */
    private static final Pattern REDIS_USER_INFO =
            Pattern.compile("(?i)(redis[a-z-]*://)(?![^\\s:/@?#]*:\\*{4}@)\\S*@");

    private static final String PARAMETER_NAME = "[\\w.-]*(?:password|passwd|passphrase|pwd)";

    /** Property of a map in braces: its value lasts up to the next property or the brace. */
    private static final String PROPERTY =
            "((?:(?<=[{,])|(?<=[{,]\\s))" + PARAMETER_NAME + "=)(?!['\"]).*?(?=,\\s+[\\w.-]+=|\\}(?:\\W|$))";

    /**
     * Property of a map, or parameter of a URL or a connection string, quoted or not. Without quotes only a blank or the next
     * parameter of a URL ends a value, since a password may contain any other character.
     */
    private static final Pattern PARAMETER = Pattern.compile(
            "(?i)" + PROPERTY + "|(" + PARAMETER_NAME + "\\s*=\\s*)(?:'(?:[^'\\\\]|\\\\.)*'|\"[^\"]*\"|[^\\s&]+)");

    /** How many errors of a chain are looked at. */
    private static final int MOST_CAUSES = 50;

    /** How many errors are copied with their causes and suppressed errors. */
    private static final int MOST_COPIES = 200;

    private Redaction() {}

    /** Returns the text with asterisks in place of passwords. */
    public static String redact(String text) {
        String hidden = text;
        if (hidden.contains("://")) {
            hidden = USER_INFO.matcher(hidden).replaceAll("$1:" + ASTERISKS + "@");
            hidden = REDIS_USER_INFO.matcher(hidden).replaceAll("$1" + ASTERISKS + "@");
        }
        return hidden.indexOf('=') < 0 ? hidden : PARAMETER.matcher(hidden).replaceAll("$1$2" + ASTERISKS);
    }

    /**
     * Returns the error itself if no message of it, its causes and the errors that they suppressed contains a password; otherwise a
     * copy for the log.
     */
    static Throwable redact(Throwable error) {
        IdentityHashMap<Throwable, Throwable> copies = new IdentityHashMap<>();
        Throwable copy = copy(error, copies);
        boolean clean = copies.size() < MOST_COPIES
                && copies.keySet().stream()
                        .map(Redaction::text)
                        .allMatch(text -> redact(text).equals(text));
        return clean ? error : copy;
    }

    /** Copies an error with its causes and the errors that they suppressed, each once. */
    private static Throwable copy(Throwable original, IdentityHashMap<Throwable, Throwable> copies) {
        Redacted copy = new Redacted(original);
        copies.put(original, copy);
        Throwable cause = original.getCause();
        if (cause != null && isNew(cause, copies)) {
            copy.initCause(copy(cause, copies));
        }
        for (Throwable suppressed : original.getSuppressed()) {
            if (isNew(suppressed, copies)) {
                copy.addSuppressed(copy(suppressed, copies));
            }
        }
        return copy;
    }

    private static boolean isNew(Throwable error, IdentityHashMap<Throwable, Throwable> copies) {
        return copies.size() < MOST_COPIES && !copies.containsKey(error);
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

        Redacted(Throwable original) {
            super(redact(text(original)));
            setStackTrace(original.getStackTrace());
        }

        @Override
        @SuppressWarnings("OverrideThrowableToString") // the class of the original stands in the message
        public String toString() {
            return String.valueOf(getMessage());
        }
    }
}
