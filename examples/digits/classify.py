import KPU as kpu, image
m = kpu.load(0x300000)
img = image.Image("/flash/digit_7.bmp")
img.pix_to_ai()
p_list = kpu.forward(m, img)[:]
print(p_list)
kpu.deinit(m)
