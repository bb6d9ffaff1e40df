import asyncio


def check(page):
    async def told():
        handle = await page.conveyor.aconvert("report.docx", to="pdf")
        all_lines = [line async for line in page.lines(handle.id)]
        return handle.id, all_lines, [line async for line in page.lines(handle.id, "0-1")]

    conversion_id, lines, again = asyncio.run(told())
    assert '"state": "queued"' in lines[0]
    assert '"state": "succeeded", "over": true' in lines[-1]
    assert again == lines
    status = page.status(conversion_id)
    assert (status["state"], status["over"], status["fraction"]) == ("succeeded", True, 1.0)
