/*  platform_preload.c - a library that no enclave lists, to be preloaded into one.  */

int tacit_preloaded(void);

int tacit_preloaded(void)
{
    return 1;
}
