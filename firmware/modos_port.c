// The port's half of module os: included by extmod/modos.c.

static mp_obj_t mp_os_urandom(mp_obj_t count) {
    mp_int_t n = mp_obj_get_int(count);
    if (n < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("negative count"));
    }
    vstr_t vstr;
    vstr_init_len(&vstr, n);
    for (mp_int_t i = 0; i < n; i++) {
        vstr.buf[i] = mp_hal_random_seed();
    }
    return mp_obj_new_bytes_from_vstr(&vstr);
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_urandom_obj, mp_os_urandom);
