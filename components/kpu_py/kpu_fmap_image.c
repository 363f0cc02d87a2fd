// KPU.fmap: a channel of a feature map as a grayscale Image over the same bytes (spec maixpy-kpu.md 7.3). The model
// knows these Images and takes the pixels from them before its outputs move.
#include "kpu_objects.h"
#include "py/runtime.h"

// The Image that shows these bytes already, or MP_OBJ_NULL: there is never more than one per channel to look after.
static mp_obj_t find_image(const kpu_net_obj_t *net, const imlib_image_t *wanted)
{
    size_t count = 0;
    mp_obj_t *images = NULL;
    if (net->images != mp_const_none) {
        mp_obj_get_array(net->images, &count, &images);
    }
    for (size_t i = 0; i < count; i++) {
        const imlib_image_t *image = &((py_image_obj_t *)MP_OBJ_TO_PTR(images[i]))->image;
        if (image->pixels == wanted->pixels && image->width == wanted->width && image->height == wanted->height) {
            return images[i];
        }
    }
    return MP_OBJ_NULL;
}

static mp_obj_t new_image(kpu_net_obj_t *net, const imlib_image_t *image)
{
    py_image_obj_t *object = py_image_new();
    object->owner = MP_OBJ_FROM_PTR(net);
    if (net->images == mp_const_none) {
        net->images = mp_obj_new_list(0, NULL);
    }
    mp_obj_list_append(net->images, MP_OBJ_FROM_PTR(object));
    object->image = *image;
    return MP_OBJ_FROM_PTR(object);
}

static mp_obj_t kpu_fmap(mp_obj_t fmap_in, mp_obj_t channel_in)
{
    if (!mp_obj_is_type(fmap_in, &kpu_fmap_type)) {
        mp_raise_TypeError(MP_ERROR_TEXT("[MAIXPY]kpu: kpu_fmap type error"));
    }
    const kpu_fmap_obj_t *fmap = MP_OBJ_TO_PTR(fmap_in);
    mp_int_t channel = mp_obj_get_int(channel_in);
    kpu_fmap_check(fmap);
    if (channel < 0 || channel >= fmap->ch) {
        mp_raise_msg_varg(&mp_type_ValueError, KPU_PLAIN_TEXT("[MAIXPY]kpu: ch err,input 0~%u\r\n"),
                          (unsigned)fmap->ch - 1);
    }
    if (fmap->typecode != 'B') {
        mp_raise_ValueError(KPU_PLAIN_TEXT("[MAIXPY]kpu: can't convet float fmap yet\r\n"));
    }
    size_t bytes = (size_t)fmap->w * fmap->h;
    imlib_image_t image = {.width = (int32_t)fmap->w, .height = (int32_t)fmap->h, .format = IMLIB_GRAYSCALE,
                           .size = bytes, .pixels = (uint8_t *)fmap->data + (size_t)channel * bytes};
    mp_obj_t known = find_image(fmap->net, &image);
    return known != MP_OBJ_NULL ? known : new_image(fmap->net, &image);
}
MP_DEFINE_CONST_FUN_OBJ_2(kpu_fmap_obj, kpu_fmap);
