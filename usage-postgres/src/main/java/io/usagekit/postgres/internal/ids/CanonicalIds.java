package io.usagekit.postgres.internal.ids;

import org.jspecify.annotations.Nullable;

/** Organisation ids as their column writes them, once its type is known. Thread-safe. */
public final class CanonicalIds {

    private volatile @Nullable OrganisationIdType type;

    /** Whether the column's type is known. */
    public boolean isKnown() {
        return type != null;
    }

    /** Sets the column's type, by the name that PostgreSQL gives it. */
    public void columnIs(String typeName) {
        type = OrganisationIdType.of(typeName);
    }

    /**
     * Returns the id as its column writes it; as it is while the column's type isn't known.
     *
     * @throws IllegalArgumentException if the column can't hold such an id; the message names it and the type
     */
    public String canonical(String organisationId) {
        OrganisationIdType known = type;
        return known == null ? organisationId : known.canonical(organisationId);
    }
}
