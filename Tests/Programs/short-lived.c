// SPDX-License-Identifier: Apache-2.0
// A container's init that is gone before anybody could ask who it was.
int main(void)
{
	return 0;
}
