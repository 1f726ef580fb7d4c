package io.usagekit.format;

import io.usagekit.Freshness;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The HTTP headers {@code Cache-Control} and {@code ETag} (<a href="https://www.rfc-editor.org/rfc/rfc9111">RFC 9111</a> and
 * <a href="https://www.rfc-editor.org/rfc/rfc9110">RFC 9110</a>) of the response that carries a {@link UsageResult}.
 *
 * <table>
 * <caption>Headers by freshness</caption>
 * <tr><th>freshness</th><th>{@code Cache-Control}</th><th>{@code ETag}</th></tr>
 * <tr><td>{@code FRESH}</td><td>{@code private, max-age=N}; N is {@link UsageResult#freshFor()} in whole seconds, rounded down</td>
 *     <td>yes</td></tr>
 * <tr><td>{@code STALE}, {@code STALE_ON_ERROR}</td><td>{@code private, no-cache}: may be stored, but not used again before it is
 *     revalidated, since a newer figure may be there with the next request</td><td>yes</td></tr>
 * <tr><td>{@code PENDING}</td><td>{@code no-store}</td><td>no</td></tr>
 * </table>
 *
 * A client or proxy that keeps a response for its {@code max-age} doesn't see an invalidation in that time. An error's response has
 * no headers of this kind: send it with {@code no-store}.
 *
 * @param cacheControl the value of {@code Cache-Control}
 * @param etag the value of {@code ETag}: a weak entity tag, the same for two results exactly if they carry the same computation's
 *     figure of the same organisation under the same period label and zone; empty if the figure is pending. It says nothing about
 *     {@code status} and {@code age_seconds} of {@link UsageResponseFormatter#withFreshness()}
 * @since 0.1
 */
public record CacheHeaders(String cacheControl, Optional<String> etag) {

    private static final Pattern ENTITY_TAG = Pattern.compile("(?:W/)?(\"[^\"]*\")");
    private static final int DIGEST_OCTETS = 16;

    /** Returns the headers of a result. */
    public static CacheHeaders of(UsageResult result) {
        if (result.isPending()) {
            return new CacheHeaders("no-store", Optional.empty());
        }
        String cacheControl = result.freshness() == Freshness.FRESH
                ? "private, max-age=" + result.freshFor().toSeconds()
                : "private, no-cache";
        return new CacheHeaders(cacheControl, result.usage().map(CacheHeaders::tag));
    }

    /**
     * Whether a request with this {@code If-None-Match} can be answered by {@code 304 Not Modified}, with these headers and without a
     * body.
     *
     * @param ifNoneMatch the request header's value, a list of entity tags or {@code *}; tags are compared weakly
     */
    public boolean isNotModified(String ifNoneMatch) {
        if (etag.isEmpty()) {
            return false;
        }
        if (ifNoneMatch.strip().equals("*")) {
            return true;
        }
        String own = opaque(etag.get());
        Matcher tags = ENTITY_TAG.matcher(ifNoneMatch);
        while (tags.find()) {
            if (tags.group(1).equals(own)) {
                return true;
            }
        }
        return false;
    }

    private static String opaque(String tag) {
        return tag.startsWith("W/") ? tag.substring(2) : tag;
    }

    /** Returns the headers by name, in the order {@code Cache-Control}, {@code ETag}; unmodifiable. */
    public Map<String, String> toMap() {
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put("Cache-Control", cacheControl);
        etag.ifPresent(tag -> headers.put("ETag", tag));
        return Collections.unmodifiableMap(headers);
    }

    /** A digest, since one URL may serve several organisations, by the caller's credentials: their tags must differ. */
    private static String tag(OrganisationUsage usage) {
        MessageDigest digest = sha256();
        add(digest, usage.organisationId());
        UsagePeriod period = usage.period();
        add(digest, period.canonicalLabel());
        add(digest, period.label());
        add(digest, period.zone().getId());
        Instant computed = usage.createdAt();
        add(digest, computed.getEpochSecond(), computed.getNano());
        add(digest, usage.received());
        add(digest, usage.sent());
        return "W/\"" + HexFormat.of().formatHex(digest.digest(), 0, DIGEST_OCTETS) + "\"";
    }

    private static void add(MessageDigest digest, UsageMetrics metrics) {
        add(digest, metrics.volume(), metrics.bytes());
    }

    private static void add(MessageDigest digest, long first, long second) {
        digest.update(ByteBuffer.allocate(2 * Long.BYTES)
                .putLong(first)
                .putLong(second)
                .array());
    }

    /** Adds a text with its length, so that no two sequences of texts are the same octets. */
    private static void add(MessageDigest digest, String text) {
        byte[] octets = text.getBytes(StandardCharsets.UTF_8);
        digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(octets.length).array());
        digest.update(octets);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
