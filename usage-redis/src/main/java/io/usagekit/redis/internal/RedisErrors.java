package io.usagekit.redis.internal;

import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisCommandTimeoutException;
import io.usagekit.UsageCacheException;
import java.net.UnknownHostException;
import java.security.cert.CertificateException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Finds the root cause of Lettuce's exceptions, and whether a retry can cure it. */
public final class RedisErrors {

    private static final String UNKNOWN_COMMAND = "ERR unknown command";

    /** How Redis's replies begin that last until somebody corrects the client's or the server's settings. */
    private static final List<String> PERMANENT_REPLIES = List.of(
            "NOAUTH",
            "WRONGPASS",
            "NOPERM",
            "ERR AUTH ",
            "ERR Client sent AUTH",
            "ERR invalid password",
            "ERR DB index is out of range",
            "ERR invalid DB index",
            "ERR SELECT is not allowed",
            UNKNOWN_COMMAND);

    /** What the reply to a script contains that lacks a permission, before Redis 7 and since, or one of whose commands the server doesn't have. */
    private static final List<String> REFUSED_SCRIPT = List.of(
            "-NOPERM ",
            "The user executing the script can't ",
            "ACL failure in script",
            "Unknown Redis command called from ");

    /** What the replies of a server contain that has become a replica: to a write, to one of a script before Redis 7, to any command. */
    private static final List<String> READ_ONLY = List.of("READONLY ", "-READONLY ", "MASTERDOWN ");

    /** A reply to EVAL or EVALSHA by a server that executes no scripts for this user, or by a proxy that has none. */
    private static final Pattern REFUSED_SCRIPTS = Pattern.compile(
            "NOPERM .*\\beval(sha)?\\b.*|ERR .*\\b(unknown|unsupported|not supported|not allowed|disabled)\\b.*\\beval(sha)?\\b.*"
                    + "|ERR .*\\beval(sha)?\\b.*\\b(unknown|unsupported|not supported|not allowed|disabled)\\b.*",
            Pattern.CASE_INSENSITIVE | Pattern.DOTALL);

    private static final String NO_ADDRESS = "RedisURI is not available";
    private static final int MOST_CAUSES = 50;

    private RedisErrors() {}

    private static List<Throwable> chain(Throwable error) {
        List<Throwable> chain = new ArrayList<>();
        Throwable next = error;
        while (next != null && chain.size() < MOST_CAUSES) {
            chain.add(next);
            next = next.getCause();
        }
        return chain;
    }

    /** Whether the error lasts until somebody corrects a setting: an authentication, a permission, a database number or TLS. */
    public static boolean isPermanent(Throwable error) {
        return chain(error).stream().anyMatch(cause -> isPermanentReply(cause) || isTlsMismatch(cause));
    }

    private static boolean isPermanentReply(Throwable cause) {
        String reply = cause instanceof RedisCommandExecutionException ? String.valueOf(cause.getMessage()) : "";
        return PERMANENT_REPLIES.stream().anyMatch(reply::startsWith)
                || REFUSED_SCRIPT.stream().anyMatch(reply::contains);
    }

    /** Whether a reply refuses a command for good, and not for the server's present state: BUSY, LOADING, MASTERDOWN and so on. */
    public static boolean isRefusal(Throwable error) {
        return error instanceof RedisCommandExecutionException
                && (isPermanentReply(error)
                        || String.valueOf(error.getMessage()).startsWith("ERR "));
    }

    /** Whether scripts as such are refused, and not a command of one. */
    public static boolean isScriptRefused(Throwable error) {
        return chain(error).stream()
                .anyMatch(cause -> cause instanceof RedisCommandExecutionException
                        && REFUSED_SCRIPTS
                                .matcher(String.valueOf(cause.getMessage()))
                                .matches());
    }

    /** Whether the server doesn't have a command. */
    static boolean isUnknownCommand(Throwable error) {
        return String.valueOf(error.getMessage()).startsWith(UNKNOWN_COMMAND);
    }

    /** Whether a command is refused since its keys are of different hash slots. */
    public static boolean isCrossSlot(Throwable error) {
        return chain(error).stream()
                .anyMatch(cause -> cause instanceof RedisCommandExecutionException
                        && String.valueOf(cause.getMessage()).startsWith("CROSSSLOT"));
    }

    /** Whether the server is a replica, so that the client's address may lead to another server by now. */
    public static boolean isReadOnly(Throwable error) {
        String reply = String.valueOf(error.getMessage());
        return error instanceof RedisCommandExecutionException
                && READ_ONLY.stream().anyMatch(begin -> reply.startsWith(begin) || reply.contains(": " + begin));
    }

    private static boolean isTlsMismatch(Throwable cause) {
        return isAnswerWithoutTls(cause) || cause instanceof CertificateException;
    }

    private static boolean isAnswerWithoutTls(Throwable cause) {
        return isNettys("NotSslRecordException", cause);
    }

    /** Netty's exceptions aren't named as types here: no other class of its module is used. */
    private static boolean isNettys(String name, Throwable cause) {
        return cause.getClass().getSimpleName().equals(name);
    }

    /** Whether the client was created without an address, so that it can never connect. */
    public static boolean isWithoutAddress(Throwable error) {
        return chain(error).stream()
                .anyMatch(cause -> cause instanceof IllegalStateException
                        && String.valueOf(cause.getMessage()).startsWith(NO_ADDRESS));
    }

    /** Describes the deepest cause that says anything. */
    public static String reason(Throwable error) {
        List<Throwable> chain = chain(error);
        Collections.reverse(chain);
        return chain.stream()
                .flatMap(cause -> known(cause).stream())
                .findFirst()
                .or(() -> deepestMessage(chain))
                .orElse(error.toString());
    }

    /** Describes a cause whose message says less than its class. */
    private static Optional<String> known(Throwable cause) {
        if (isAnswerWithoutTls(cause)) {
            return Optional.of(
                    "the server answers without TLS on this port; use redis:// instead of rediss://, or its TLS port");
        }
        if (isNettys("SslHandshakeTimeoutException", cause)) {
            return Optional.of(cause.getMessage() + "; a server that expects no TLS on this port waits like that");
        }
        return cause instanceof UnknownHostException
                ? Optional.of("unknown host: " + cause.getMessage())
                : Optional.empty();
    }

    /** Returns the deepest message, or that of an outer cause that begins with it and adds e.g. the address. */
    private static Optional<String> deepestMessage(List<Throwable> deepestFirst) {
        Optional<Throwable> found = Optional.empty();
        for (Throwable cause : deepestFirst) {
            if (message(cause).isPresent()
                    && found.map(inner -> isContained(inner, cause)).orElse(true)) {
                found = Optional.of(cause);
            }
        }
        return found.flatMap(RedisErrors::message);
    }

    private static boolean isContained(Throwable inner, Throwable outer) {
        return String.valueOf(outer.getMessage()).startsWith(String.valueOf(inner.getMessage()));
    }

    private static Optional<String> message(Throwable cause) {
        String message = cause.getMessage();
        if (message == null || message.isBlank()) {
            return Optional.empty();
        }
        return Optional.of(
                cause instanceof RedisCommandExecutionException
                        ? message
                        : cause.getClass().getSimpleName() + ": " + message);
    }

    /** Returns the exception of the port for an error; with its root cause in the message. */
    public static UsageCacheException of(String what, @Nullable Throwable error) {
        if (error == null) {
            return new UsageCacheException(what, null);
        }
        String message = what + ": " + reason(error);
        return isPermanent(error)
                ? UsageCacheException.permanent(message, error)
                : new UsageCacheException(message, error);
    }

    /** Returns the exception of the port for a reply that refuses a command. */
    static UsageCacheException refused(String server, Throwable reply) {
        return of(server + " refused the command", reply);
    }

    /** Whether there was no answer in time. */
    public static boolean isTimeout(Throwable error) {
        return error instanceof TimeoutException || error instanceof RedisCommandTimeoutException;
    }

    /** Returns the cause of an error that a future wraps. */
    public static Throwable unwrap(Throwable error) {
        return (error instanceof CompletionException || error instanceof ExecutionException) && error.getCause() != null
                ? unwrap(error.getCause())
                : error;
    }
}
