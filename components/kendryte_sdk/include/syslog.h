#ifndef KENDRYTE_SYSLOG_H
#define KENDRYTE_SYSLOG_H

#include <stdint.h>
#include <stdio.h>
#include "encoding.h"
#include "printf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* LOGE .. LOGV print "<letter> (<cycles>) <tag>: <message>" when CONFIG_LOG_ENABLE is defined and CONFIG_LOG_LEVEL is
 * at least their level; LOG_KERNEL selects printk. */

typedef enum { LOG_NONE, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_VERBOSE } kendryte_log_level_t;

#define LOG_COLOR_BLACK "30"
#define LOG_COLOR_RED "31"
#define LOG_COLOR_GREEN "32"
#define LOG_COLOR_BROWN "33"
#define LOG_COLOR_BLUE "34"
#define LOG_COLOR_PURPLE "35"
#define LOG_COLOR_CYAN "36"
#define LOG_COLOR(color) "\033[0;" color "m"
#define LOG_BOLD(color) "\033[1;" color "m"

#if defined(CONFIG_LOG_COLORS) && CONFIG_LOG_COLORS
#define LOG_RESET_COLOR "\033[0m"
#define LOG_COLOR_E LOG_COLOR(LOG_COLOR_RED)
#define LOG_COLOR_W LOG_COLOR(LOG_COLOR_BROWN)
#define LOG_COLOR_I LOG_COLOR(LOG_COLOR_GREEN)
#else
#define LOG_RESET_COLOR
#define LOG_COLOR_E
#define LOG_COLOR_W
#define LOG_COLOR_I
#endif
#define LOG_COLOR_D
#define LOG_COLOR_V

#define LOG_FORMAT(letter, format) LOG_COLOR_##letter #letter " (%lu) %s: " format LOG_RESET_COLOR "\n"

#ifdef LOG_LEVEL
#undef CONFIG_LOG_LEVEL
#define CONFIG_LOG_LEVEL LOG_LEVEL
#endif
#ifndef CONFIG_LOG_LEVEL
#define CONFIG_LOG_LEVEL LOG_ERROR
#endif
#ifdef LOG_KERNEL
#define LOG_PRINTF printk
#else
#define LOG_PRINTF printf
#endif

#ifdef CONFIG_LOG_ENABLE
#define LOG_AT_(level, letter, tag, format, ...) \
    do { \
        if (CONFIG_LOG_LEVEL >= (level)) { \
            LOG_PRINTF(LOG_FORMAT(letter, format), read_cycle(), tag, ##__VA_ARGS__); \
        } \
    } while (0)
#else
#define LOG_AT_(level, letter, tag, format, ...)
#endif

#define LOGE(tag, format, ...) LOG_AT_(LOG_ERROR, E, tag, format, ##__VA_ARGS__)
#define LOGW(tag, format, ...) LOG_AT_(LOG_WARN, W, tag, format, ##__VA_ARGS__)
#define LOGI(tag, format, ...) LOG_AT_(LOG_INFO, I, tag, format, ##__VA_ARGS__)
#define LOGD(tag, format, ...) LOG_AT_(LOG_DEBUG, D, tag, format, ##__VA_ARGS__)
#define LOGV(tag, format, ...) LOG_AT_(LOG_VERBOSE, V, tag, format, ##__VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif
