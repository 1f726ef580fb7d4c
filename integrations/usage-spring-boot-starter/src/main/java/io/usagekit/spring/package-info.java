/**
 * Auto-configuration of the usage service for Spring Boot 3.5 and 4. {@link io.usagekit.spring.UsageProperties} are the settings; each bean
 * gives precedence to one of the host's of the same type.
 */
@NullMarked
package io.usagekit.spring;

import org.jspecify.annotations.NullMarked;
