package io.usagekit.page;

import io.usagekit.UsageStorageException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import javax.sql.DataSource;

/** The projects in the library's own table, {@link io.usagekit.postgres.TableMapping#usagekit(String)}; a host with tables of its own writes a similar class. */
public final class TableProjects implements ProjectDirectory {

    private static final int TIMEOUT_SECONDS = 5;

    private final DataSource dataSource;
    private final String sql;

    /**
     * Reads the table of a schema. Connects to nothing yet.
     *
     * @param schema of the library's tables
     */
    public TableProjects(DataSource dataSource, String schema) {
        this.dataSource = Objects.requireNonNull(dataSource, "dataSource");
        this.sql = "select id, name, deleted_at is not null from \"" + schema.replace("\"", "\"\"")
                + "\".projects where organisation_id = ? order by id";
    }

    /**
     * Reads the projects of an organisation.
     *
     * @throws UsageStorageException if the database refuses, can't be reached, or takes longer than 5 s
     */
    @Override
    public List<Project> projects(String organisationId) {
        try (Connection connection = dataSource.getConnection();
                PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setQueryTimeout(TIMEOUT_SECONDS);
            statement.setString(1, organisationId);
            try (ResultSet rows = statement.executeQuery()) {
                List<Project> projects = new ArrayList<>();
                while (rows.next()) {
                    projects.add(new Project(rows.getString(1), rows.getString(2), rows.getBoolean(3)));
                }
                return projects;
            }
        } catch (SQLException e) {
            throw new UsageStorageException("the projects of the organisation can't be read: " + e.getMessage(), e);
        }
    }
}
