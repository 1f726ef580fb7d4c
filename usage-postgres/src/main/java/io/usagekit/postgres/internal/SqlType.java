package io.usagekit.postgres.internal;

/** The types of what statements take and return, by the names that PostgreSQL's driver gives them. */
public enum SqlType {
    TEXT("text"),
    TEXTS("_text"),
    BYTES("bytea"),
    MANY_BYTES("_bytea"),
    INSTANT("timestamptz"),
    INSTANTS("_timestamptz"),
    NUMBER("int8"),
    NUMBERS("_int8"),
    FLAG("bool"),
    FLAGS("_bool");

    private final String driverName;

    SqlType(String driverName) {
        this.driverName = driverName;
    }

    public String driverName() {
        return driverName;
    }

    /** The name of an array's elements: the driver's names of array types begin with an underscore. */
    String elementName() {
        return driverName.substring(1);
    }
}
