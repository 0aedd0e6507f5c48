/** For `bun run db:generate`: reads src/store/schema*.ts, writes SQL migrations beside this file. */
import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'sqlite',
  schema: './src/store/schema*.ts',
  out: './drizzle',
});
