/**
 * Usage in other forms than one figure: hour by hour, day by day or month by month, project by project, and of all organisations at once.
 */
@NullMarked
package io.usagekit.reports;

import org.jspecify.annotations.NullMarked;
