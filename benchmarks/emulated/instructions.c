/* A plugin of QEMU's user mode that counts the instructions a program runs, and tells at its end.
   Distributions do not package the header, so what is used of it is declared here:
   https://www.qemu.org/docs/master/devel/tcg-plugins.html (API version 1, QEMU 7.2 to 9.1). */
#include <inttypes.h>
#include <stdio.h>

struct tb;
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*call)(uint64_t, struct tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct tb *, int add, void *to, uint64_t amount);
void qemu_plugin_register_atexit_cb(uint64_t id, void (*call)(uint64_t, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct tb *);

int qemu_plugin_version = 1;
static uint64_t count;

static void translated(uint64_t id, struct tb *block)
{
    qemu_plugin_register_vcpu_tb_exec_inline(block, 0, &count, qemu_plugin_tb_n_insns(block));
}

static void ended(uint64_t id, void *nothing)
{
    fprintf(stderr, "instructions %" PRIu64 "\n", count);
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, 0);
    return 0;
}
