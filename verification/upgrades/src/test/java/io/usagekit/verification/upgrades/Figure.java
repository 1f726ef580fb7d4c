package io.usagekit.verification.upgrades;

/** A figure, as every version has it. */
public record Figure(
        String organisation,
        String period,
        long receivedVolume,
        long receivedBytes,
        long sentVolume,
        long sentBytes,
        String computedAt) {

    /** Whether the numbers are the same, whenever they were computed. */
    boolean counts(Figure other) {
        return receivedVolume == other.receivedVolume
                && receivedBytes == other.receivedBytes
                && sentVolume == other.sentVolume
                && sentBytes == other.sentBytes;
    }
}
