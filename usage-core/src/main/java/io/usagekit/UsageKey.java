package io.usagekit;

import io.usagekit.internal.Arguments;
import java.util.Objects;

/**
 * Which figure: one organisation over one period. Two keys are equal when the organisation and the window
 * {@code [start, end)} are, whatever the period is called.
 *
 * @param organisationId opaque; not blank, at most {@value #MAX_ORGANISATION_ID_LENGTH} characters, well-formed Unicode
 *     without U+0000 (which PostgreSQL can't hold); any other character is legal
 * @param period the window
 * @since 0.1
 */
public record UsageKey(String organisationId, UsagePeriod period) {

    /** The longest organisation id accepted, in UTF-16 code units. */
    public static final int MAX_ORGANISATION_ID_LENGTH = 255;

    /**
     * @throws IllegalArgumentException if {@code organisationId} is out of bounds; the message names the bound
     */
    public UsageKey {
        checkOrganisationId(organisationId);
        Objects.requireNonNull(period, "period");
    }

    /**
     * The check of an organisation id by itself.
     *
     * @throws IllegalArgumentException if it is out of bounds; the message names the bound
     */
    public static void checkOrganisationId(String organisationId) {
        Objects.requireNonNull(organisationId, "organisationId");
        if (organisationId.length() > MAX_ORGANISATION_ID_LENGTH) {
            throw new IllegalArgumentException("organisationId must have at most " + MAX_ORGANISATION_ID_LENGTH
                    + " characters, but has " + organisationId.length() + ": " + Arguments.quote(organisationId));
        }
        if (Arguments.isPlain(organisationId)) {
            return;
        }
        if (organisationId.isBlank()) {
            throw new IllegalArgumentException(
                    "organisationId must not be blank, but was " + Arguments.quote(organisationId));
        }
        if (organisationId.indexOf('\0') >= 0) {
            throw new IllegalArgumentException(
                    "organisationId must not contain U+0000, but was " + Arguments.quote(organisationId));
        }
        if (Arguments.hasUnpairedSurrogate(organisationId)) {
            throw new IllegalArgumentException(
                    "organisationId must be well-formed Unicode, but has an unpaired surrogate: "
                            + Arguments.quote(organisationId));
        }
    }

    /** For logs: the id, quoted and escaped, and the period. */
    @Override
    public String toString() {
        return Arguments.quote(organisationId) + " in " + period;
    }
}
